"""Drawings of what lies about indoors: mug, key, guitar, chair."""

from __future__ import annotations

import torch

from .drawing import DARK, LIGHT, MAIN, SECOND, THIRD, Drawing, Layer, choose
from .shapes import box, capsule, circle, common, ellipse, frame, polygon, ring, round_box, union


def draw_mug(x, y, p):
    """Tapers, shows more or less of its drink, steams; the handle moves."""
    top, bottom = p.height, -p.height
    outline = polygon(x, y, [(-p.base, bottom), (p.base, bottom), (p.width, top), (-p.width, top)])
    rim = ellipse(x, y - top, p.width, p.tilt)
    drink = ellipse(x, y - top + 0.02, 0.84 * p.width, 0.74 * p.tilt)
    foot = ellipse(x, y - bottom, p.base, 0.7 * p.tilt)
    side = 0.5 * (p.base + p.width)
    handle = ellipse(x - side - 0.05, y - p.handle_at, p.handle, p.handle * p.handle_tall).abs_().sub_(p.thick)
    handle = common(handle, side - 0.16 - x)
    band = common(outline + 0.015, (y - p.band_at).addcmul_(x, x, value=0.25).abs_().sub_(p.band))
    wave = torch.sin((y + p.steam_phase) * 9.0).mul_(0.06)
    steam = common(
        ((x - wave).abs_() - p.steam_gap).abs_().sub_(0.035), (y - top - 0.34).abs_().sub_(p.steam)
    )  # two plumes
    return [
        Layer("steam", LIGHT, steam),
        Layer("handle", SECOND, handle),
        Layer("body", MAIN, union(outline, foot)),
        Layer("band", THIRD, band),
        Layer("rim", SECOND, rim),
        Layer("drink", DARK, drink),
    ]


MUG = Drawing(
    "mug",
    ("steam", "handle", "body", "band", "rim", "drink"),
    {
        "height": (0.4, 0.62), "width": (0.42, 0.6), "base": (0.32, 0.56), "tilt": (0.07, 0.18),
        "handle": (0.2, 0.32), "handle_tall": (0.9, 1.4), "handle_at": (-0.08, 0.1), "thick": (0.05, 0.085),
        "band_at": (-0.2, 0.12), "band": (0.04, 0.14), "steam": (0.08, 0.2), "steam_gap": (0.1, 0.2),
        "steam_phase": (-0.35, 0.35),
    },
    draw_mug,
)  # fmt: skip


def draw_key(x, y, p):
    """The ring swings in the bow; the teeth are of any length."""
    bow_x = -0.55
    u, v = x - bow_x, y
    bow = round_box(u, v, p.bow, p.bow * p.bow_tall, 0.9 * p.bow * p.bow_round)
    hole = circle(x, y, bow_x - p.hole_at, 0.0, p.hole)
    link = ring(x, y, bow_x - p.hole_at - p.ring * torch.cos(p.swing), -p.ring * torch.sin(p.swing), p.ring, 0.045)
    left = bow_x + p.bow
    right = left + p.shaft
    shaft = round_box(x - 0.5 * (left + right), y, 0.5 * (right - left) + 0.05, p.thick, 0.04)
    collar = box(x - left - 0.06, y, 0.05, p.thick + 0.08)
    one = box(x - right + 0.02, y + p.thick + 0.5 * p.tooth_one - 0.02, p.tooth, 0.5 * p.tooth_one)
    two = box(x - right + 0.24, y + p.thick + 0.5 * p.tooth_two - 0.02, p.tooth, 0.5 * p.tooth_two)
    three = box(x - right + 0.44, y + p.thick + 0.5 * p.tooth_three - 0.02, 0.8 * p.tooth, 0.5 * p.tooth_three)
    return [
        Layer("teeth", SECOND, union(one, two, three)),
        Layer("shaft", MAIN, shaft),
        Layer("collar", THIRD, collar),
        Layer("bow", MAIN, common(bow, -hole)),
        Layer("bow", SECOND, common((bow + 0.09).abs_().sub_(0.025), 0.03 - hole)),
        Layer("ring", LIGHT, link),
    ]


KEY = Drawing(
    "key",
    ("teeth", "shaft", "collar", "bow", "ring"),
    {
        "bow": (0.28, 0.4), "bow_tall": (0.9, 1.25), "bow_round": (0.3, 1.0), "hole": (0.09, 0.15),
        "hole_at": (0.0, 0.12), "ring": (0.2, 0.3), "swing": (-0.9, 0.9), "shaft": (0.75, 1.1),
        "thick": (0.06, 0.1), "tooth": (0.05, 0.08), "tooth_one": (0.18, 0.34), "tooth_two": (0.1, 0.3),
        "tooth_three": (0.06, 0.28),
    },
    draw_key,
)  # fmt: skip


def draw_guitar(x, y, p):
    """The body is more or less waisted, the head turns back."""
    lower = ellipse(x, y + 0.5, p.lower, 0.9 * p.lower)
    upper_y = -0.5 + 0.72 * p.lower + 0.62 * p.upper
    upper = ellipse(x + p.cutaway, y - upper_y, p.upper, 0.85 * p.upper)
    waist = box(x, y + 0.2, p.waist, 0.2)
    body = union(lower, upper, waist)
    hole = circle(x, y, 0.0, -0.2, p.hole)
    bridge = box(x, y + 0.62, p.bridge, 0.035)
    neck_top = p.neck
    neck = polygon(x, y, [(-0.09, -0.1), (0.09, -0.1), (0.07, neck_top), (-0.07, neck_top)])
    u, v = frame(x, y, 0.0, neck_top, p.head_turn)
    head = polygon(u, v, [(-0.08, -0.02), (0.08, -0.02), (p.head_width, p.head), (-p.head_width, p.head)])
    pegs = union(
        circle(u.abs(), v, p.head_width + 0.03, 0.3 * p.head, 0.042),
        circle(u.abs_(), v, p.head_width + 0.03, 0.8 * p.head, 0.042),
    )
    strings = common(
        (x.abs() - 0.025).abs_().sub_(0.009), (y - 0.5 * (neck_top - 0.62)).abs_().sub_(0.5 * (neck_top + 0.62))
    )
    guard = common(body + 0.05, circle(x, y, 0.2, -0.36, 0.17))
    return [
        Layer("body", MAIN, body),
        Layer("guard", THIRD, guard),
        Layer("hole", DARK, hole),
        Layer("neck", SECOND, neck),
        Layer("pegs", THIRD, pegs),
        Layer("head", SECOND, head),
        Layer("bridge", DARK, bridge),
        Layer("strings", LIGHT, strings),
    ]


GUITAR = Drawing(
    "guitar",
    ("body", "guard", "hole", "neck", "pegs", "head", "bridge", "strings"),
    {
        "lower": (0.34, 0.48), "upper": (0.24, 0.35), "waist": (0.18, 0.34), "cutaway": (-0.07, 0.07),
        "hole": (0.08, 0.13), "bridge": (0.1, 0.18), "neck": (0.55, 0.85), "head": (0.2, 0.32),
        "head_width": (0.1, 0.16), "head_turn": (-0.4, 0.4),
    },
    draw_guitar,
)  # fmt: skip


def draw_chair(x, y, p):
    """The back leans, the legs splay; two to four slats, seen more or less from the side."""
    seat_y = p.seat_height - 0.9
    left, right = -p.width, p.width
    depth_x, depth_y = p.depth * 0.8, p.depth * 0.45
    seat = polygon(
        x, y, [(left, seat_y), (right, seat_y), (right + depth_x, seat_y + depth_y), (left + depth_x, seat_y + depth_y)]
    )
    edge = box(x, y - seat_y + 0.03, p.width, 0.05)
    top = seat_y + depth_y + p.back
    bl, br = left + depth_x, right + depth_x
    lean = p.lean
    posts = union(
        capsule(x, y, bl + 0.03, seat_y + depth_y, bl + 0.03 + lean, top, p.post),
        capsule(x, y, br - 0.03, seat_y + depth_y, br - 0.03 + lean, top, p.post),
    )
    shear = x - 0.5 * (bl + br) - lean * (y - seat_y - depth_y) / p.back
    rail = box(shear, y - top + p.rail, p.width, p.rail)
    slats = choose(p.slats, 2, 4)
    pitch = 1.9 * p.width / (slats + 1)
    bars = (shear / pitch + 0.5 * torch.remainder(slats + 1, 2.0)).add_(0.0)
    bars = bars.sub_(torch.round(bars)).abs_().mul_(pitch).sub_(0.5 * p.post + 0.01)
    slat = common(bars, box(shear, y - 0.5 * (seat_y + depth_y + top), p.width - 0.04, 0.5 * p.back))
    front = union(
        capsule(x, y, left + 0.05, seat_y, left + 0.05 - p.splay, -0.9, p.leg, 0.7 * p.leg),
        capsule(x, y, right - 0.05, seat_y, right - 0.05 + p.splay, -0.9, p.leg, 0.7 * p.leg),
    )
    floor = -0.9 + depth_y
    rear = union(
        capsule(x, y, bl + 0.04, seat_y + 0.05, bl + 0.04 - 0.5 * p.splay, floor, p.leg, 0.7 * p.leg),
        capsule(x, y, br - 0.04, seat_y + 0.05, br - 0.04 + 0.5 * p.splay, floor, p.leg, 0.7 * p.leg),
    )
    rung = capsule(
        x,
        y,
        left + 0.03 - 0.5 * p.splay,
        0.5 * (seat_y - 0.9),
        right - 0.03 + 0.5 * p.splay,
        0.5 * (seat_y - 0.9),
        0.03,
    )
    return [
        Layer("rear legs", DARK, rear),
        Layer("slats", THIRD, slat),
        Layer("back", MAIN, union(posts, rail)),
        Layer("rung", SECOND, rung),
        Layer("front legs", MAIN, front),
        Layer("seat", SECOND, seat),
        Layer("seat", MAIN, edge),
    ]


CHAIR = Drawing(
    "chair",
    ("rear legs", "slats", "back", "rung", "front legs", "seat"),
    {
        "width": (0.34, 0.5), "depth": (0.25, 0.5), "seat_height": (0.6, 0.9), "back": (0.6, 1.0),
        "lean": (-0.15, 0.15), "post": (0.04, 0.065), "rail": (0.06, 0.15), "slats": (0.0, 1.0),
        "splay": (-0.02, 0.14), "leg": (0.045, 0.075),
    },
    draw_chair,
)  # fmt: skip
