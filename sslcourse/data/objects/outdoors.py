"""Drawings of what people build to live and travel in: house, car, boat, bicycle."""

import torch

from .drawing import DARK, LIGHT, MAIN, SECOND, THIRD, Layer, drawing
from .shapes import box, capsule, circle, common, frame, polygon, ring, round_box, union


@drawing(
    parts=("chimney", "wall", "roof", "door", "window"),
    width=(0.42, 0.75), wall=(0.6, 0.95), roof=(0.35, 0.75), eaves=(0.04, 0.2), ridge=(0.02, 0.3),
    gable=(-0.12, 0.12), chimney=(-0.7, 0.7), door=(-0.55, 0.55), door_width=(0.1, 0.16), window=(0.12, 0.18),
)  # fmt: skip
def house(x, y, p):
    """Walls, roof and windows change their proportions, door and chimney their place."""
    base, eaves = -0.8, p.wall - 0.8
    top = eaves + p.roof
    side = p.width + p.eaves
    roof = polygon(x, y, [(-side, eaves), (side, eaves), (p.ridge + p.gable, top), (p.gable - p.ridge, top)])
    chimney_x, door_x = p.chimney * p.width, p.door * p.width
    other = door_x + torch.where(p.door > 0, -1.0, 1.0) * 0.85 * p.width
    wx, wy = x - other, y - (base + 0.62 * p.wall)
    window = box(wx, wy, p.window, p.window)
    cross = torch.minimum(wx.abs_(), wy.abs_()).sub_(0.022)
    yield Layer("chimney", THIRD, box(x - chimney_x, y - (eaves + 0.5 * p.roof), 0.09, 0.5 * p.roof + 0.12))
    yield Layer("wall", MAIN, box(x, y - (base + 0.5 * p.wall), p.width, 0.5 * p.wall))
    yield Layer("roof", SECOND, roof)
    yield Layer("door", THIRD, box(x - door_x, y - (base + 0.27), p.door_width, 0.27))
    yield Layer("door", LIGHT, circle(x, y, door_x + 0.5 * p.door_width, base + 0.25, 0.03))
    yield Layer("window", LIGHT, window)
    yield Layer("window", DARK, common(window, cross))


@drawing(
    parts=("cabin", "windows", "body", "trim", "wheels", "lamps"),
    length=(0.8, 1.0), height=(0.15, 0.24), cabin=(0.4, 0.68), cabin_at=(-0.25, 0.05), cabin_height=(0.28, 0.46),
    windscreen=(0.12, 0.34), rear=(0.02, 0.25), pillar=(-0.12, 0.12), wheel=(0.16, 0.25), axle=(0.46, 0.62),
)  # fmt: skip
def car(x, y, p):
    """From a flat saloon to a van: cabin, windscreen and wheels move."""
    low, roof = p.height - 0.16, p.height - 0.1 + p.cabin_height
    rear, front = p.cabin_at - p.cabin, p.cabin_at + p.cabin
    cabin = polygon(x, y, [(rear, low), (front, low), (front - p.windscreen, roof), (rear + p.rear, roof)])
    pane = common(cabin + 0.07, 0.035 - (x - p.cabin_at - p.pillar).abs_(), p.height - 0.07 - y)
    side = (x - 0.02).abs_()
    bottom = -0.1 - p.height
    lamp_y = -0.1 + 0.35 * p.height
    yield Layer("cabin", MAIN, cabin)
    yield Layer("windows", LIGHT, pane)
    yield Layer("body", MAIN, round_box(x, y + 0.1, p.length, p.height, 0.1))
    yield Layer("trim", SECOND, box(x, y + 0.12, p.length - 0.04, 0.035))
    yield Layer("wheels", DARK, circle(side, y, p.axle, bottom, p.wheel))
    yield Layer("wheels", THIRD, circle(side, y, p.axle, bottom, 0.5 * p.wheel))
    yield Layer("lamps", LIGHT, circle(x, y, p.length - 0.09, lamp_y, 0.075))
    yield Layer("lamps", SECOND, circle(x, y, 0.08 - p.length, lamp_y, 0.06))


@drawing(
    parts=("mast", "main sail", "jib", "flag", "hull", "stripe"),
    length=(0.65, 0.95), freeboard=(0.26, 0.42), stern=(0.08, 0.35), bow=(0.2, 0.5), mast=(-0.1, 0.15),
    height=(0.65, 0.95), rake=(-0.1, 0.1), sail=(0.45, 0.75), boom=(-0.02, 0.25), belly=(0.2, 0.7), jib=(0.35, 0.7),
)  # fmt: skip
def boat(x, y, p):
    """The mast rakes, the boom lifts, the sails fill."""
    keel, deck = -0.85, p.freeboard - 0.85
    hull = polygon(x, y, [(-p.length + p.stern, keel), (p.length - p.bow, keel), (p.length, deck), (-p.length, deck)])
    foot, top = deck + 0.1, p.height
    top_x = p.mast + p.rake
    sail = polygon(x, y, [(p.mast + 0.04, foot), (top_x + 0.03, top - 0.05), (p.mast - p.sail, foot + p.boom)])
    jib = polygon(x, y, [(p.mast + 0.1, foot + 0.02), (p.mast + p.jib, foot), (top_x + 0.05, top - 0.2 - 0.3 * p.boom)])
    flag = polygon(x, y, [(top_x, top - 0.02), (top_x + 0.26, top + 0.08 + 0.3 * p.rake), (top_x, top + 0.16)])
    yield Layer("mast", DARK, capsule(x, y, p.mast, deck - 0.05, top_x, top, 0.035))
    yield Layer("main sail", SECOND, common(sail, circle(x, y, p.mast + 0.55, foot + 0.2, 0.75 + p.belly)))
    yield Layer("jib", LIGHT, jib)
    yield Layer("flag", THIRD, flag)
    yield Layer("hull", MAIN, hull)
    yield Layer("stripe", THIRD, common(hull + 0.02, (y - deck + 0.1).abs_().sub_(0.045)))


@drawing(
    parts=("wheels", "frame", "fork", "pedals", "saddle", "handlebar"),
    base=(0.5, 0.64), wheel=(0.3, 0.4), tyre=(0.04, 0.065), spin=(0.0, 1.57), rake=(0.08, 0.25), saddle=(0.25, 0.42),
    bar=(0.2, 0.45), fork=(0.1, 0.26), tube=(0.038, 0.055), grip=(0.08, 0.2), rise=(-0.05, 0.14), crank=(0.0, 3.14),
)  # fmt: skip
def bicycle(x, y, p):
    """The crank and the wheels turn; frame, saddle and handlebar change their geometry."""
    axle = -0.4
    side = x.abs()
    u, v = frame(side, y, p.base, axle, p.spin)
    spokes = common(torch.minimum(u.abs_(), v.abs_()).sub_(0.012), circle(side, y, p.base, axle, p.wheel))
    crank_x, crank_y = -0.05, axle - 0.02
    saddle_x, saddle_y = -0.05 - p.rake, p.saddle
    bar_x, bar_y = p.base - p.fork, p.bar
    grip_x, grip_y = bar_x + p.grip, bar_y + p.rise
    joint_x, joint_y = p.base - 0.75 * p.fork, 0.5 * p.bar
    frame_ = union(
        capsule(x, y, crank_x, crank_y, saddle_x, saddle_y, p.tube),
        capsule(x, y, crank_x, crank_y, joint_x, joint_y, p.tube),
        capsule(x, y, -p.base, axle, crank_x, crank_y, 0.8 * p.tube),
        capsule(x, y, -p.base, axle, saddle_x, saddle_y - 0.12, 0.8 * p.tube),
        capsule(x, y, saddle_x, saddle_y - 0.12, joint_x, joint_y, p.tube),
    )
    bar = union(
        capsule(x, y, bar_x - 0.02, bar_y, grip_x, grip_y, 0.04),
        capsule(x, y, grip_x, grip_y, grip_x - 0.14, grip_y - 0.1, 0.04),
    )
    saddle = capsule(x, y, saddle_x - 0.16, saddle_y + 0.02, saddle_x + 0.12, saddle_y, 0.07, 0.035)
    px, py = 0.17 * torch.cos(p.crank), 0.17 * torch.sin(p.crank)
    crank = capsule(x, y, crank_x + px, crank_y + py, crank_x - px, crank_y - py, 0.025)
    yield Layer("wheels", DARK, ring(side, y, p.base, axle, p.wheel, p.tyre))
    yield Layer("wheels", LIGHT, union(spokes, circle(side, y, p.base, axle, 0.06)))
    yield Layer("frame", MAIN, frame_)
    yield Layer("fork", SECOND, capsule(x, y, p.base, axle, bar_x, bar_y, 0.8 * p.tube))
    yield Layer("pedals", THIRD, union(crank, circle(x, y, crank_x, crank_y, 0.085)))
    yield Layer("saddle", THIRD, saddle)
    yield Layer("handlebar", THIRD, bar)
