"""Drawings of what lies about indoors: mug, key, guitar, chair."""

import torch

from .drawing import DARK, LIGHT, MAIN, SECOND, THIRD, Layer, choose, drawing
from .shapes import box, capsule, circle, common, ellipse, frame, polygon, ring, round_box, union


@drawing(
    parts=("steam", "handle", "body", "band", "rim", "drink"),
    height=(0.4, 0.62), width=(0.42, 0.6), base=(0.32, 0.56), tilt=(0.07, 0.18), handle=(0.2, 0.32),
    handle_tall=(0.9, 1.4), handle_at=(-0.08, 0.1), thick=(0.05, 0.085), band_at=(-0.2, 0.12), band=(0.04, 0.14),
    steam=(0.08, 0.2), steam_gap=(0.1, 0.2), steam_phase=(-0.35, 0.35),
)  # fmt: skip
def mug(x, y, p):
    """Tapers, shows more or less of its drink, steams; the handle moves."""
    top, bottom = p.height, -p.height
    outline = polygon(x, y, [(-p.base, bottom), (p.base, bottom), (p.width, top), (-p.width, top)])
    side = 0.5 * (p.base + p.width)
    handle = ellipse(x - side - 0.05, y - p.handle_at, p.handle, p.handle * p.handle_tall).abs_().sub_(p.thick)
    band = common(outline + 0.015, (y - p.band_at).addcmul_(x, x, value=0.25).abs_().sub_(p.band))
    wave = torch.sin((y + p.steam_phase) * 9.0).mul_(0.06)
    steam = box((x - wave).abs_() - p.steam_gap, y - top - 0.34, 0.035, p.steam)  # two plumes
    yield Layer("steam", LIGHT, steam)
    yield Layer("handle", SECOND, common(handle, side - 0.16 - x))
    yield Layer("body", MAIN, union(outline, ellipse(x, y - bottom, p.base, 0.7 * p.tilt)))
    yield Layer("band", THIRD, band)
    yield Layer("rim", SECOND, ellipse(x, y - top, p.width, p.tilt))
    yield Layer("drink", DARK, ellipse(x, y - top + 0.02, 0.84 * p.width, 0.74 * p.tilt))


@drawing(
    parts=("teeth", "shaft", "collar", "bow", "ring"),
    bow=(0.28, 0.4), bow_tall=(0.9, 1.25), bow_round=(0.3, 1.0), hole=(0.09, 0.15), hole_at=(0.0, 0.12),
    ring=(0.2, 0.3), swing=(-0.9, 0.9), shaft=(0.75, 1.1), thick=(0.06, 0.1), tooth=(0.05, 0.08),
    tooth_one=(0.18, 0.34), tooth_two=(0.1, 0.3), tooth_three=(0.06, 0.28),
)  # fmt: skip
def key(x, y, p):
    """The ring swings in the bow; the teeth are of any length."""
    bow_x = -0.55
    bow = round_box(x - bow_x, y, p.bow, p.bow * p.bow_tall, 0.9 * p.bow * p.bow_round)
    hole = circle(x, y, bow_x - p.hole_at, 0.0, p.hole)
    link = ring(x, y, bow_x - p.hole_at - p.ring * torch.cos(p.swing), -p.ring * torch.sin(p.swing), p.ring, 0.045)
    left = bow_x + p.bow
    right = left + p.shaft
    one = box(x - right + 0.02, y + p.thick + 0.5 * p.tooth_one - 0.02, p.tooth, 0.5 * p.tooth_one)
    two = box(x - right + 0.24, y + p.thick + 0.5 * p.tooth_two - 0.02, p.tooth, 0.5 * p.tooth_two)
    three = box(x - right + 0.44, y + p.thick + 0.5 * p.tooth_three - 0.02, 0.8 * p.tooth, 0.5 * p.tooth_three)
    yield Layer("teeth", SECOND, union(one, two, three))
    yield Layer("shaft", MAIN, round_box(x - 0.5 * (left + right), y, 0.5 * (right - left) + 0.05, p.thick, 0.04))
    yield Layer("collar", THIRD, box(x - left - 0.06, y, 0.05, p.thick + 0.08))
    yield Layer("bow", MAIN, common(bow, -hole))
    yield Layer("bow", SECOND, common((bow + 0.09).abs_().sub_(0.025), 0.03 - hole))
    yield Layer("ring", LIGHT, link)


@drawing(
    parts=("body", "guard", "hole", "neck", "pegs", "head", "bridge", "strings"),
    lower=(0.34, 0.48), upper=(0.24, 0.35), waist=(0.18, 0.34), cutaway=(-0.07, 0.07), hole=(0.08, 0.13),
    bridge=(0.1, 0.18), neck=(0.55, 0.85), head=(0.2, 0.32), head_width=(0.1, 0.16), head_turn=(-0.4, 0.4),
)  # fmt: skip
def guitar(x, y, p):
    """The body is more or less waisted, the head turns back."""
    lower = ellipse(x, y + 0.5, p.lower, 0.9 * p.lower)
    upper_y = -0.5 + 0.72 * p.lower + 0.62 * p.upper
    upper = ellipse(x + p.cutaway, y - upper_y, p.upper, 0.85 * p.upper)
    body = union(lower, upper, box(x, y + 0.2, p.waist, 0.2))
    u, v = frame(x, y, 0.0, p.neck, p.head_turn)
    head = polygon(u, v, [(-0.08, -0.02), (0.08, -0.02), (p.head_width, p.head), (-p.head_width, p.head)])
    side, peg_x = u.abs(), p.head_width + 0.03
    pegs = union(circle(side, v, peg_x, 0.3 * p.head, 0.042), circle(side, v, peg_x, 0.8 * p.head, 0.042))
    strings = box(x.abs() - 0.025, y - 0.5 * (p.neck - 0.62), 0.009, 0.5 * (p.neck + 0.62))
    yield Layer("body", MAIN, body)
    yield Layer("guard", THIRD, common(body + 0.05, circle(x, y, 0.2, -0.36, 0.17)))
    yield Layer("hole", DARK, circle(x, y, 0.0, -0.2, p.hole))
    yield Layer("neck", SECOND, polygon(x, y, [(-0.09, -0.1), (0.09, -0.1), (0.07, p.neck), (-0.07, p.neck)]))
    yield Layer("pegs", THIRD, pegs)
    yield Layer("head", SECOND, head)
    yield Layer("bridge", DARK, box(x, y + 0.62, p.bridge, 0.035))
    yield Layer("strings", LIGHT, strings)


@drawing(
    parts=("rear legs", "slats", "back", "rung", "front legs", "seat"),
    width=(0.34, 0.5), depth=(0.25, 0.5), seat_height=(0.6, 0.9), back=(0.6, 1.0), lean=(-0.15, 0.15),
    post=(0.04, 0.065), rail=(0.06, 0.15), slats=(0.0, 1.0), splay=(-0.02, 0.14), leg=(0.045, 0.075),
)  # fmt: skip
def chair(x, y, p):
    """The back leans, the legs splay; two to four slats, seen more or less from the side."""
    left, right, seat_y = -p.width, p.width, p.seat_height - 0.9
    depth_x, depth_y = p.depth * 0.8, p.depth * 0.45
    back_left, back_right, back_y = left + depth_x, right + depth_x, seat_y + depth_y
    seat = polygon(x, y, [(left, seat_y), (right, seat_y), (back_right, back_y), (back_left, back_y)])
    top = back_y + p.back
    posts = union(
        capsule(x, y, back_left + 0.03, back_y, back_left + 0.03 + p.lean, top, p.post),
        capsule(x, y, back_right - 0.03, back_y, back_right - 0.03 + p.lean, top, p.post),
    )
    shear = x - 0.5 * (back_left + back_right) - p.lean * (y - seat_y - depth_y) / p.back
    rail = box(shear, y - top + p.rail, p.width, p.rail)
    slats = choose(p.slats, 2, 4)
    pitch = 1.9 * p.width / (slats + 1)
    bars = shear / pitch + 0.5 * torch.remainder(slats + 1, 2.0)
    bars = bars.sub_(torch.round(bars)).abs_().mul_(pitch).sub_(0.5 * p.post + 0.01)
    slat = common(bars, box(shear, y - 0.5 * (back_y + top), p.width - 0.04, 0.5 * p.back))
    front = union(
        capsule(x, y, left + 0.05, seat_y, left + 0.05 - p.splay, -0.9, p.leg, 0.7 * p.leg),
        capsule(x, y, right - 0.05, seat_y, right - 0.05 + p.splay, -0.9, p.leg, 0.7 * p.leg),
    )
    floor = -0.9 + depth_y
    inner, outer = back_left + 0.04, back_right - 0.04
    rear = union(
        capsule(x, y, inner, seat_y + 0.05, inner - 0.5 * p.splay, floor, p.leg, 0.7 * p.leg),
        capsule(x, y, outer, seat_y + 0.05, outer + 0.5 * p.splay, floor, p.leg, 0.7 * p.leg),
    )
    rung_y = 0.5 * (seat_y - 0.9)
    rung = capsule(x, y, left + 0.03 - 0.5 * p.splay, rung_y, right - 0.03 + 0.5 * p.splay, rung_y, 0.03)
    yield Layer("rear legs", DARK, rear)
    yield Layer("slats", THIRD, slat)
    yield Layer("back", MAIN, union(posts, rail))
    yield Layer("rung", SECOND, rung)
    yield Layer("front legs", MAIN, front)
    yield Layer("seat", SECOND, seat)
    yield Layer("seat", MAIN, box(x, y - seat_y + 0.03, p.width, 0.05))
