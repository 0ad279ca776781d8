"""Drawings of what people build to live and travel in: house, car, boat, bicycle."""

from __future__ import annotations

import torch

from .drawing import DARK, LIGHT, MAIN, SECOND, THIRD, Drawing, Layer
from .shapes import box, capsule, circle, common, frame, polygon, ring, round_box, union


def draw_house(x, y, p):
    """Walls, roof and windows change their proportions, door and chimney their place."""
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
        "width": (0.42, 0.75), "wall": (0.6, 0.95), "roof": (0.35, 0.75), "eaves": (0.04, 0.2),
        "ridge": (0.02, 0.3), "gable": (-0.12, 0.12), "chimney": (-0.7, 0.7), "door": (-0.55, 0.55),
        "door_width": (0.1, 0.16), "window": (0.12, 0.18),
    },
    draw_house,
)  # fmt: skip


def draw_car(x, y, p):
    """From a flat saloon to a van: cabin, windscreen and wheels move."""
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
        "length": (0.8, 1.0), "height": (0.15, 0.24), "cabin": (0.4, 0.68), "cabin_at": (-0.25, 0.05),
        "cabin_height": (0.28, 0.46), "windscreen": (0.12, 0.34), "rear": (0.02, 0.25), "pillar": (-0.12, 0.12),
        "wheel": (0.16, 0.25), "axle": (0.46, 0.62),
    },
    draw_car,
)  # fmt: skip


def draw_boat(x, y, p):
    """The mast rakes, the boom lifts, the sails fill."""
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
        "length": (0.65, 0.95), "freeboard": (0.26, 0.42), "stern": (0.08, 0.35), "bow": (0.2, 0.5),
        "mast": (-0.1, 0.15), "height": (0.65, 0.95), "rake": (-0.1, 0.1), "sail": (0.45, 0.75),
        "boom": (-0.02, 0.25), "belly": (0.2, 0.7), "jib": (0.35, 0.7),
    },
    draw_boat,
)  # fmt: skip


def draw_bicycle(x, y, p):
    """The crank and the wheels turn; frame, saddle and handlebar change their geometry."""
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
        "base": (0.5, 0.64), "wheel": (0.3, 0.4), "tyre": (0.04, 0.065), "spin": (0.0, 1.57), "rake": (0.08, 0.25),
        "saddle": (0.25, 0.42), "bar": (0.2, 0.45), "fork": (0.1, 0.26), "tube": (0.038, 0.055),
        "grip": (0.08, 0.2), "rise": (-0.05, 0.14), "crank": (0.0, 3.14),
    },
    draw_bicycle,
)  # fmt: skip
