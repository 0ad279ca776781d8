"""Drawings of what people make: house, car, boat, bicycle, mug, key, guitar, chair."""

from __future__ import annotations

import torch

from .drawing import DARK, LIGHT, MAIN, SECOND, THIRD, Drawing, Layer, choose
from .shapes import box, capsule, circle, common, ellipse, frame, polygon, ring, round_box, union


def draw_house(x, y, p):
    base, eaves = -0.8, p.wall - 0.8
    wall = box(x, y - (base + 0.5 * p.wall), p.width, 0.5 * p.wall)
    top = eaves + p.roof
    roof = polygon(
        x,
        y,
        [(-p.width - p.eaves, eaves), (p.width + p.eaves, eaves), (p.ridge + p.gable, top), (p.gable - p.ridge, top)],
    )
    chimney_x = p.chimney * p.width
    chimney = box(x - chimney_x, y - (eaves + 0.5 * p.roof), 0.09, 0.5 * p.roof + 0.12)
    door_x = p.door * p.width
    door = box(x - door_x, y - (base + 0.27), p.door_width, 0.27)
    knob = circle(x, y, door_x + 0.5 * p.door_width, base + 0.25, 0.03)
    other = door_x + torch.where(p.door > 0, -1.0, 1.0) * 0.85 * p.width
    wx, wy = x - other, y - (base + 0.62 * p.wall)
    window = box(wx, wy, p.window, p.window)
    cross = torch.minimum(wx.abs_(), wy.abs_()).sub_(0.022)
    return [
        Layer("chimney", THIRD, chimney),
        Layer("wall", MAIN, wall),
        Layer("roof", SECOND, roof),
        Layer("door", THIRD, door),
        Layer("door", LIGHT, knob),
        Layer("window", LIGHT, window),
        Layer("window", DARK, common(window, cross)),
    ]


HOUSE = Drawing(
    "house",
    ("chimney", "wall", "roof", "door", "window"),
    {
        "width": (0.42, 0.75), "wall": (0.6, 0.95), "roof": (0.35, 0.75), "eaves": (0.04, 0.2), "ridge": (0.02, 0.3), "gable": (-0.12, 0.12),
        "chimney": (-0.7, 0.7), "door": (-0.55, 0.55), "door_width": (0.1, 0.16), "window": (0.12, 0.18),
    },
    draw_house,
)  # fmt: skip


def draw_car(x, y, p):
    body = round_box(x, y + 0.1, p.length, p.height, 0.1)
    roof = p.height - 0.1 + p.cabin_height
    low = p.height - 0.16
    cabin = polygon(
        x,
        y,
        [
            (p.cabin_at - p.cabin, low),
            (p.cabin_at + p.cabin, low),
            (p.cabin_at + p.cabin - p.windscreen, roof),
            (p.cabin_at - p.cabin + p.rear, roof),
        ],
    )
    pane = common(cabin + 0.07, 0.035 - (x - p.cabin_at - p.pillar).abs_(), p.height - 0.07 - y)
    side = (x - 0.02).abs_()
    bottom = -0.1 - p.height
    wheel = circle(side, y, p.axle, bottom, p.wheel)
    hub = circle(side, y, p.axle, bottom, 0.5 * p.wheel)
    trim = box(x, y + 0.12, p.length - 0.04, 0.035)
    lamp_y = -0.1 + 0.35 * p.height
    lamps = circle(x, y, p.length - 0.09, lamp_y, 0.075)
    tail = circle(x, y, 0.08 - p.length, lamp_y, 0.06)
    return [
        Layer("cabin", MAIN, cabin),
        Layer("windows", LIGHT, pane),
        Layer("body", MAIN, body),
        Layer("trim", SECOND, trim),
        Layer("wheels", DARK, wheel),
        Layer("wheels", THIRD, hub),
        Layer("lamps", LIGHT, lamps),
        Layer("lamps", SECOND, tail),
    ]


CAR = Drawing(
    "car",
    ("cabin", "windows", "body", "trim", "wheels", "lamps"),
    {
        "length": (0.8, 1.0), "height": (0.15, 0.24), "cabin": (0.4, 0.68), "cabin_at": (-0.25, 0.05), "cabin_height": (0.28, 0.46),
        "windscreen": (0.12, 0.34), "rear": (0.02, 0.25), "pillar": (-0.12, 0.12), "wheel": (0.16, 0.25), "axle": (0.46, 0.62),
    },
    draw_car,
)  # fmt: skip


def draw_boat(x, y, p):
    keel, deck = -0.85, p.freeboard - 0.85
    hull = polygon(x, y, [(-p.length + p.stern, keel), (p.length - p.bow, keel), (p.length, deck), (-p.length, deck)])
    stripe = common(hull + 0.02, (y - deck + 0.1).abs_().sub_(0.045))
    mast_x, mast_top = p.mast, p.height
    mast = capsule(x, y, mast_x, deck - 0.05, mast_x + p.rake, mast_top, 0.035)
    foot = deck + 0.1
    boom_y = foot + p.boom
    sail = polygon(x, y, [(mast_x + 0.04, foot), (mast_x + p.rake + 0.03, mast_top - 0.05), (mast_x - p.sail, boom_y)])
    sail = common(sail, circle(x, y, mast_x + 0.55, foot + 0.2, 0.75 + p.belly))
    jib = polygon(
        x,
        y,
        [(mast_x + 0.1, foot + 0.02), (mast_x + p.jib, foot), (mast_x + p.rake + 0.05, mast_top - 0.2 - 0.3 * p.boom)],
    )
    flag = polygon(
        x,
        y,
        [
            (mast_x + p.rake, mast_top - 0.02),
            (mast_x + p.rake + 0.26, mast_top + 0.08 + 0.3 * p.rake),
            (mast_x + p.rake, mast_top + 0.16),
        ],
    )
    return [
        Layer("mast", DARK, mast),
        Layer("main sail", SECOND, sail),
        Layer("jib", LIGHT, jib),
        Layer("flag", THIRD, flag),
        Layer("hull", MAIN, hull),
        Layer("stripe", THIRD, stripe),
    ]


BOAT = Drawing(
    "boat",
    ("mast", "main sail", "jib", "flag", "hull", "stripe"),
    {
        "length": (0.65, 0.95), "freeboard": (0.26, 0.42), "stern": (0.08, 0.35), "bow": (0.2, 0.5), "mast": (-0.1, 0.15), "height": (0.65, 0.95),
        "rake": (-0.1, 0.1), "sail": (0.45, 0.75), "boom": (-0.02, 0.25), "belly": (0.2, 0.7), "jib": (0.35, 0.7),
    },
    draw_boat,
)  # fmt: skip


def draw_mug(x, y, p):
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
        "height": (0.4, 0.62), "width": (0.42, 0.6), "base": (0.32, 0.56), "tilt": (0.07, 0.18), "handle": (0.2, 0.32), "handle_tall": (0.9, 1.4),
        "handle_at": (-0.08, 0.1), "thick": (0.05, 0.085), "band_at": (-0.2, 0.12), "band": (0.04, 0.14), "steam": (0.08, 0.2),
        "steam_gap": (0.1, 0.2), "steam_phase": (-0.35, 0.35),
    },
    draw_mug,
)  # fmt: skip


def draw_key(x, y, p):
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
        "bow": (0.28, 0.4), "bow_tall": (0.9, 1.25), "bow_round": (0.3, 1.0), "hole": (0.09, 0.15), "hole_at": (0.0, 0.12), "ring": (0.2, 0.3),
        "swing": (-0.9, 0.9), "shaft": (0.75, 1.1), "thick": (0.06, 0.1), "tooth": (0.05, 0.08), "tooth_one": (0.18, 0.34),
        "tooth_two": (0.1, 0.3), "tooth_three": (0.06, 0.28),
    },
    draw_key,
)  # fmt: skip


def draw_guitar(x, y, p):
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
        "lower": (0.34, 0.48), "upper": (0.24, 0.35), "waist": (0.18, 0.34), "cutaway": (-0.07, 0.07), "hole": (0.08, 0.13), "bridge": (0.1, 0.18),
        "neck": (0.55, 0.85), "head": (0.2, 0.32), "head_width": (0.1, 0.16), "head_turn": (-0.4, 0.4),
    },
    draw_guitar,
)  # fmt: skip


def draw_chair(x, y, p):
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
        "width": (0.34, 0.5), "depth": (0.25, 0.5), "seat_height": (0.6, 0.9), "back": (0.6, 1.0), "lean": (-0.15, 0.15), "post": (0.04, 0.065),
        "rail": (0.06, 0.15), "slats": (0.0, 1.0), "splay": (-0.02, 0.14), "leg": (0.045, 0.075),
    },
    draw_chair,
)  # fmt: skip


def draw_bicycle(x, y, p):
    axle = -0.4
    wheel = ring((x - 0.0).abs_(), y, p.base, axle, p.wheel, p.tyre)
    hub = circle(x.abs(), y, p.base, axle, 0.06)
    spoke_u, spoke_v = frame(x.abs(), y, p.base, axle, p.spin)
    spokes = common(
        torch.minimum(spoke_u.abs_(), spoke_v.abs_()).sub_(0.012), circle(x.abs(), y, p.base, axle, p.wheel)
    )
    crank_x, crank_y = -0.05, axle - 0.02
    saddle_x, saddle_y = -0.05 - p.rake, p.saddle
    bar_x, bar_y = p.base - p.fork, p.bar
    joint_x, joint_y = p.base - 0.75 * p.fork, 0.5 * p.bar
    frame_ = union(
        capsule(x, y, crank_x, crank_y, saddle_x, saddle_y, p.tube),
        capsule(x, y, crank_x, crank_y, joint_x, joint_y, p.tube),
        capsule(x, y, -p.base, axle, crank_x, crank_y, 0.8 * p.tube),
        capsule(x, y, -p.base, axle, saddle_x, saddle_y - 0.12, 0.8 * p.tube),
        capsule(x, y, saddle_x, saddle_y - 0.12, joint_x, joint_y, p.tube),
    )
    fork = capsule(x, y, p.base, axle, bar_x, bar_y, 0.8 * p.tube)
    bar = union(
        capsule(x, y, bar_x - 0.02, bar_y, bar_x + p.grip, bar_y + p.rise, 0.04),
        capsule(x, y, bar_x + p.grip, bar_y + p.rise, bar_x + p.grip - 0.14, bar_y + p.rise - 0.1, 0.04),
    )
    saddle = capsule(x, y, saddle_x - 0.16, saddle_y + 0.02, saddle_x + 0.12, saddle_y, 0.07, 0.035)
    px, py = 0.17 * torch.cos(p.crank), 0.17 * torch.sin(p.crank)
    pedals = union(
        capsule(x, y, crank_x + px, crank_y + py, crank_x - px, crank_y - py, 0.025),
        circle(x, y, crank_x, crank_y, 0.085),
    )
    return [
        Layer("wheels", DARK, wheel),
        Layer("wheels", LIGHT, union(spokes, hub)),
        Layer("frame", MAIN, frame_),
        Layer("fork", SECOND, fork),
        Layer("pedals", THIRD, pedals),
        Layer("saddle", THIRD, saddle),
        Layer("handlebar", THIRD, bar),
    ]


BICYCLE = Drawing(
    "bicycle",
    ("wheels", "frame", "fork", "pedals", "saddle", "handlebar"),
    {
        "base": (0.5, 0.64), "wheel": (0.3, 0.4), "tyre": (0.04, 0.065), "spin": (0.0, 1.57), "rake": (0.08, 0.25), "saddle": (0.25, 0.42),
        "bar": (0.2, 0.45), "fork": (0.1, 0.26), "tube": (0.038, 0.055), "grip": (0.08, 0.2), "rise": (-0.05, 0.14), "crank": (0.0, 3.14),
    },
    draw_bicycle,
)  # fmt: skip
