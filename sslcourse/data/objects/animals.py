"""Drawings of animals and people: fish, bird, butterfly, face."""

import torch

from .drawing import DARK, LIGHT, MAIN, SECOND, THIRD, Layer, drawing
from .shapes import capsule, circle, common, ellipse, frame, line, polygon, union


@drawing(
    parts=("tail", "fins", "body", "stripe", "mouth", "eye"),
    length=(0.6, 0.85), height=(0.27, 0.5), tail=(0.28, 0.5), tail_height=(0.25, 0.5), fork=(0.0, 0.22),
    bend=(-0.5, 0.5), dorsal=(0.12, 0.4), dorsal_at=(-0.35, 0.15), fin_angle=(-0.4, 1.3), stripe=(-0.35, 0.2),
    stripe_width=(0.03, 0.1), eye=(0.07, 0.12), mouth=(-0.02, 0.1),
)  # fmt: skip
def fish(x, y, p):
    """The tail bends, fins turn and spread, the mouth opens."""
    body = ellipse(x, y, p.length, p.height)
    u, v = frame(x, y, -0.9 * p.length, 0.0, p.bend)
    v = v.abs_()
    upper, rear = (
        line(u, v, 0.12, 0.02, -p.tail, p.tail_height),
        line(u, v, -p.tail, p.tail_height, p.fork - p.tail, 0.0),
    )
    top = 0.75 * p.height
    dorsal = polygon(x, y, [(0.3, top), (p.dorsal_at, p.height + p.dorsal), (-0.35, 0.8 * top)])
    belly = polygon(x, y, [(0.15, -top), (-0.3, -0.7 * top), (p.dorsal_at - 0.25, -p.height - 0.6 * p.dorsal)])
    reach_x, reach_y = -torch.cos(p.fin_angle) * 0.32, -torch.sin(p.fin_angle) * 0.32
    fin = capsule(x, y, 0.12, -0.25 * p.height, 0.12 + reach_x, -0.25 * p.height + reach_y, 0.03, 0.1)
    stripe = common(body + 0.02, (x - p.stripe).addcmul_(y, y, value=0.5).abs_().sub_(p.stripe_width))
    eye_x, eye_y = 0.62 * p.length, 0.3 * p.height
    lips = p.length * 0.99
    yield Layer("tail", SECOND, common(upper, rear))
    yield Layer("fins", THIRD, union(dorsal, belly))
    yield Layer("body", MAIN, body)
    yield Layer("stripe", SECOND, stripe)
    yield Layer("mouth", DARK, capsule(x, y, lips, -0.12 * p.height, lips - 0.14, -0.2 * p.height - p.mouth, 0.025))
    yield Layer("fins", THIRD, fin)
    yield Layer("eye", LIGHT, circle(x, y, eye_x, eye_y, p.eye))
    yield Layer("eye", DARK, circle(x, y, eye_x + 0.02, eye_y, 0.55 * p.eye))


@drawing(
    parts=("tail", "legs", "beak", "body", "head", "wing", "eye"),
    length=(0.42, 0.6), height=(0.25, 0.38), tilt=(0.0, 0.6), neck=(0.05, 0.3), head=(0.17, 0.25), beak=(0.14, 0.4),
    nod=(-0.2, 0.5), tail=(0.3, 0.6), tail_angle=(-0.5, 0.4), wing=(0.32, 0.55), wing_angle=(-0.5, 1.6),
    leg=(0.15, 0.4), stride=(-0.08, 0.16),
)  # fmt: skip
def bird(x, y, p):
    """The body tilts, the wing turns at the shoulder, the head nods, the legs stride."""
    u, v = frame(x, y, 0.0, 0.0, p.tilt)
    body = ellipse(u, v, p.length, p.height)
    c, s = torch.cos(p.tilt), torch.sin(p.tilt)
    chest_x, chest_y = 0.75 * p.length * c, 0.75 * p.length * s + 0.05
    head_x, head_y = chest_x + 0.12, chest_y + 0.12 + p.neck
    neck = capsule(x, y, chest_x - 0.05, chest_y - 0.05, head_x, head_y, 0.55 * p.height, 0.7 * p.head)
    beak_x, beak_y = head_x + p.head * 0.8, head_y - 0.03
    beak = capsule(x, y, beak_x, beak_y, beak_x + p.beak, beak_y - p.beak * p.nod, 0.45 * p.head, 0.005)
    u, v = frame(x, y, -0.8 * p.length * c, -0.8 * p.length * s, p.tilt + p.tail_angle)
    tail = polygon(u, v, [(0.12, 0.07), (-p.tail, 0.15), (-p.tail - 0.06, -0.08), (0.12, -0.07)])
    u, v = frame(x, y, 0.25 * p.length * c, 0.2 * p.height, p.tilt - p.wing_angle)
    wing = ellipse(u + 0.75 * p.wing, v, p.wing, 0.3 * p.wing + 0.04)
    floor = -p.height - p.leg
    legs = union(
        capsule(x, y, -0.02, -0.6 * p.height, -0.02 + p.stride, floor, 0.028),
        capsule(x, y, 0.1, -0.6 * p.height, 0.12 - p.stride, floor, 0.028),
        capsule(x, y, -0.02 + p.stride, floor, 0.1 + p.stride, floor, 0.028),
        capsule(x, y, 0.12 - p.stride, floor, 0.24 - p.stride, floor, 0.028),
    )
    yield Layer("tail", SECOND, tail)
    yield Layer("legs", THIRD, legs)
    yield Layer("beak", THIRD, beak)
    yield Layer("body", MAIN, union(body, neck))
    yield Layer("head", MAIN, circle(x, y, head_x, head_y, p.head))
    yield Layer("wing", SECOND, wing)
    yield Layer("wing", MAIN, common(wing + 0.035, ellipse(u + 1.0 * p.wing, v + 0.06, 0.8 * p.wing, 0.2 * p.wing)))
    yield Layer("eye", LIGHT, circle(x, y, head_x + 0.3 * p.head, head_y + 0.2 * p.head, 0.36 * p.head))
    yield Layer("eye", DARK, circle(x, y, head_x + 0.38 * p.head, head_y + 0.2 * p.head, 0.2 * p.head))


@drawing(
    parts=("antennae", "lower wings", "upper wings", "spots", "body", "head"),
    open=(0.65, 1.1), upper=(0.34, 0.5), upper_width=(0.2, 0.34), upper_angle=(0.3, 0.95), lower=(0.24, 0.42),
    lower_width=(0.16, 0.3), lower_angle=(-1.1, -0.5), spot=(0.06, 0.13), body=(0.3, 0.6), girth=(0.06, 0.1),
    feeler=(0.12, 0.4), feeler_top=(0.65, 0.9), lean=(-0.08, 0.08),
)  # fmt: skip
def butterfly(x, y, p):
    """The wings open and turn at the body, the feelers spread."""
    side = x.abs().div_(p.open)
    u, v = frame(side, y, 0.05, 0.1, p.upper_angle)
    upper, upper_spot = ellipse(u - p.upper, v, p.upper, p.upper_width), circle(u, v, 1.25 * p.upper, 0.0, p.spot)
    u, v = frame(side, y, 0.05, -0.02, p.lower_angle)
    lower, lower_spot = ellipse(u - p.lower, v, p.lower, p.lower_width), circle(u, v, 1.2 * p.lower, 0.0, 0.8 * p.spot)
    side = x.abs()
    lean = x - p.lean * y
    feeler = capsule(side, y, 0.02, 0.4, p.feeler, p.feeler_top, 0.022)
    yield Layer("antennae", DARK, union(feeler, circle(side, y, p.feeler, p.feeler_top, 0.05)))
    yield Layer("lower wings", SECOND, lower)
    yield Layer("spots", LIGHT, lower_spot)
    yield Layer("upper wings", MAIN, upper)
    yield Layer("upper wings", SECOND, common(upper + 0.07, 0.02 - upper_spot))
    yield Layer("spots", LIGHT, upper_spot)
    yield Layer("body", DARK, capsule(lean, y, 0.0, 0.26, 0.0, -p.body, p.girth, 0.5 * p.girth))
    yield Layer("head", THIRD, circle(lean, y, 0.0, 0.36, 1.3 * p.girth))


@drawing(
    parts=("ears", "head", "hair", "eyes", "brows", "nose", "mouth"),
    width=(0.55, 0.85), height=(0.7, 0.9), ear=(0.1, 0.2), hair=(0.04, 0.18), hair_length=(-0.35, 0.3),
    hairline=(0.3, 0.55), parting=(-0.25, 0.25), eye_gap=(0.22, 0.34), eye_height=(0.05, 0.2), eye=(0.1, 0.17),
    lids=(0.6, 1.1), gaze=(-0.06, 0.06), frown=(-0.05, 0.05), nose=(0.2, 0.4), mouth_height=(-0.52, -0.38),
    smile=(-0.9, 1.6), mouth=(0.2, 0.38), lips=(0.04, 0.1),
)  # fmt: skip
def face(x, y, p):
    """The eyes look, the brows frown, the mouth smiles, the hair grows."""
    side = x.abs()
    brow_line = p.hairline - p.parting * x - 0.5 * x * x
    eye_y = p.eye_height
    white = ellipse(side - p.eye_gap, y - eye_y, p.eye, p.eye * p.lids)
    radius = 0.5 * p.eye
    pupils = union(circle(x, y, p.eye_gap + p.gaze, eye_y, radius), circle(x, y, p.gaze - p.eye_gap, eye_y, radius))
    brow_y = eye_y + p.eye + 0.06
    brow = capsule(side, y, p.eye_gap - p.eye, brow_y - p.frown, p.eye_gap + p.eye, brow_y + p.frown, 0.03)
    curve = (y - p.mouth_height).addcmul_(x * p.smile, x, value=-1).abs_()
    mouth = curve.addcmul_(x * (p.lips / p.mouth**2), x).sub_(p.lips)  # thick in the middle, nothing at the ends
    yield Layer("hair", THIRD, ellipse(x, y + p.hair_length, 1.12 * p.width + p.hair, 0.95 * p.height))
    yield Layer("ears", SECOND, ellipse(side - p.width, y + 0.02, p.ear, 1.3 * p.ear))
    yield Layer("head", MAIN, ellipse(x, y, p.width, p.height))
    yield Layer("hair", THIRD, common(ellipse(x, y - 0.06, p.width + p.hair, p.height + p.hair), brow_line - y))
    yield Layer("eyes", LIGHT, white)
    yield Layer("eyes", DARK, common(pupils, white))
    yield Layer("brows", THIRD, brow)
    yield Layer("nose", SECOND, capsule(x, y, 0.0, eye_y - 0.05, 0.0, eye_y - p.nose, 0.03, 0.08))
    yield Layer("mouth", DARK, mouth)
