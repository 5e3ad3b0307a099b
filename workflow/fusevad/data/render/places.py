"""The twelve kinds of places, built from textures and furniture."""

from __future__ import annotations

import numpy as np

from fusevad.data.render import textures
from fusevad.data.render.layouts import SCALE, Layout, Plan, backdrop, houses, pavement, px, road


def street(plan: Plan) -> None:
    """A road along the picture, a pavement behind it, shops."""
    backdrop(plan)
    houses(plan, 13.4, 8.0)
    pavement(plan, 9.0, 13.4, plan.tones((150, 156, 160), (138, 150, 166)))
    road(plan, 3.2, 9.0)
    plan.put("lamp", -3.6, 9.3)
    plan.maybe("tree", 5.4, 9.4)
    plan.maybe("bin", 2.6, 13.0)
    plan.maybe("shelter", -6.4, 12.9)
    plan.maybe("bollard", 1.0, 9.3)


def crossing(plan: Plan) -> None:
    """A wide pavement before a road with a zebra crossing."""
    backdrop(plan)
    houses(plan, 21.5, 9.0)
    pavement(plan, 18.5, 21.5, (146, 150, 156))
    road(plan, 13.0, 18.5, zebra=plan.rng.uniform(-2, 1))
    pavement(plan, 3.0, 13.0, plan.tones((156, 160, 164), (130, 144, 160)), 20)
    plan.put("lamp", -5.5, 12.6)
    plan.furniture.append(("kiosk", (3.7, 12.2), 0.0))
    plan.maybe("bin", -3.4, 12.3)
    plan.maybe("bollard", 1.6, 12.7)
    plan.maybe("bollard", -1.4, 12.7)


def plaza(plan: Plan) -> None:
    """A paved square with a fountain and a low wall."""
    backdrop(plan)
    houses(plan, 20.0, 9.5)
    texture = textures.paving(
        px(17), px(40), plan.tones((150, 168, 188), (166, 172, 176)), plan.rng, (26, 26)
    )
    plan.ground((-20, 20, 3, 20), texture)
    wall = textures.rough(px(2.3), px(5.5), (158, 168, 176), plan.rng)
    plan.panel(-6.5, 13.6, 2.3, wall)
    plan.put("fountain", 3.8, 14.8)
    plan.maybe("planter", 0.6, 14.2)
    plan.maybe("bench", 7.0, 13.6)
    plan.maybe("lamp", 1.2, 15.5)


def car_park(plan: Plan) -> None:
    """Marked bays with parked cars and a wall."""
    backdrop(plan)
    plan.front(-20, 21, 4.0, textures.bricks(px(4), px(40), (120, 132, 150), plan.rng))
    picture = textures.rough(px(18), px(40), plan.tones((90, 90, 88)), plan.rng, 8, 7)
    for left in range(px(1), picture.shape[1], px(2.7)):
        picture[px(2.5) : px(7.2), left : left + 2] = (205, 210, 212)
    plan.ground((-20, 20, 3, 21), picture)
    wall = textures.rough(px(2.6), px(4.5), plan.tones((166, 160, 150)), plan.rng)
    plan.panel(2.2, 12.6, 2.6, wall)
    for x in (-9.8, -7.1, -4.4, -1.7, 8.1):
        plan.maybe("car" if plan.rng.random() < 0.8 else "van", x, 15.8, np.pi / 2 * 3)
    plan.put("lamp", 0.6, 13.2)


def platform(plan: Plan) -> None:
    """A station platform behind the track, with a brick wall."""
    backdrop(plan)
    plan.front(
        -20,
        12.8,
        4.2,
        _posters(plan, textures.bricks(px(4.2), px(40), (104, 116, 150), plan.rng)),
    )
    pavement(plan, 7.2, 12.8, plan.tones((142, 146, 150)), 12)
    line = textures.rough(px(0.4), px(40), (60, 190, 220), plan.rng, 4, 3)
    plan.ground((-20, 20, 7.5, 7.9), line)
    bed = textures.rough(px(4.2), px(40), (70, 78, 86), plan.rng, 10, 22)
    for left in range(0, bed.shape[1], 16):
        bed[:, left : left + 6] = bed[:, left : left + 6] // 2 + 20
    for y in (1.0, 2.4):
        bed[px(y) : px(y) + 3] = (176, 176, 172)
    plan.ground((-20, 20, 3.0, 7.2), bed)
    for x in (-6.0, 6.4):
        plan.put("pillar", x, 12.2)
    plan.maybe("bench", -3.0, 12.3)
    plan.maybe("bench", 3.4, 12.3)
    plan.maybe("bin", 0.8, 12.4)


def _posters(plan: Plan, wall: np.ndarray) -> np.ndarray:
    """Paste coloured posters on a wall's texture."""
    for left in range(px(1.5), wall.shape[1] - px(2), px(5)):
        top = wall.shape[0] - px(2.4)
        colour = plan.rng.integers(60, 220, 3)
        wall[top : top + px(1.5), left : left + px(1.1)] = colour
        wall[top + 6 : top + 14, left + 4 : left + px(0.8)] = 235
    return wall


def alley(plan: Plan) -> None:
    """A lane between walls, seen along it."""
    backdrop(plan)
    houses(plan, 26, 9, shop=False)
    ground = textures.rough(px(23), px(12), plan.tones((94, 98, 102)), plan.rng, 10, 7)
    plan.ground((-6, 6, 3, 26), ground)
    plan.side(-4.6, 3, 26, 8, textures.facade(23, 8, SCALE, plan.rng, shop=False))
    plan.side(4.4, 3, 26, 8, textures.bricks(px(8), px(23), (84, 96, 140), plan.rng))
    plan.panel(-4.6, 14.2, 3.2, textures.rough(px(3.2), px(4.2), (140, 148, 156), plan.rng))
    plan.put("bin", 3.8, 9.5)
    plan.put("bin", 3.8, 13.5)
    plan.maybe("van", 2.6, 18.5, np.pi / 2)


def park(plan: Plan) -> None:
    """A path across a lawn with trees and a hut."""
    backdrop(plan)
    plan.ground((-25, 25, 3, 40), textures.grass(px(37, 12), px(50, 12), plan.rng), 12)
    path = textures.rough(px(5.0), px(40), plan.tones((140, 172, 196), (128, 150, 170)), plan.rng)
    plan.ground((-20, 20, 7.2, 12.2), path)
    hut = textures.rough(px(2.7), px(4.4), plan.tones((120, 150, 150), (96, 130, 170)), plan.rng)
    plan.panel(-6.2, 12.8, 2.7, hut)
    for x, y in ((-9, 18), (-2.5, 17), (2.2, 16), (6.8, 15), (10, 20), (0, 24), (-6, 25), (5, 25)):
        plan.maybe("tree", x, y)
    plan.put("bench", 1.8, 12.8)
    plan.maybe("bin", 3.6, 12.7)
    plan.maybe("bush", -0.8, 13.4)


def hall(plan: Plan) -> None:
    """The inside of a shopping mall, seen along it."""
    plan.ground(
        (-8, 8, 2, 24), textures.paving(px(22), px(16), (176, 186, 192), plan.rng, (22, 22))
    )
    ceiling = textures.rough(px(22), px(16), (196, 198, 200), plan.rng, 3, 2)
    for top in range(px(1), ceiling.shape[0], px(3)):
        ceiling[top : top + px(0.5), px(4) : px(12)] = 250
    plan.ceiling((-8, 8, 2, 24), 4.6, ceiling)
    plan.front(-8, 24, 4.6, textures.facade(16, 4.6, SCALE, plan.rng))
    plan.side(-6.4, 2, 24, 4.6, textures.facade(22, 4.6, SCALE, plan.rng))
    plan.side(6.4, 2, 24, 4.6, textures.facade(22, 4.6, SCALE, plan.rng))
    board = textures.rough(px(2.5), px(3.6), plan.tones((190, 170, 150), (150, 150, 200)), plan.rng)
    plan.panel(-5.8, 13.4, 2.5, board)
    plan.put("pillar", 4.8, 12.5)
    plan.maybe("planter", 1.8, 15.0)
    plan.maybe("bench", 3.8, 9.6, np.pi / 2)


def promenade(plan: Plan) -> None:
    """A paved bank with a railing before a river."""
    backdrop(plan)
    plan.ground((-40, 40, 12.0, 58), textures.water(px(46, 8), px(80, 8), plan.rng), 8)
    plan.front(-40, 58, 7, textures.facade(80, 7, 10, plan.rng, shop=False), 10)
    pavement(plan, 3.0, 12.0, plan.tones((150, 176, 196), (170, 172, 172)), 30)
    plan.panel(-6.4, 11.7, 2.5, textures.rough(px(2.5), px(3.8), (150, 140, 120), plan.rng))
    for x in (0.2, 4.5, 8.8):
        plan.furniture.append(("railing", (x, 11.9), 0.0))
    plan.put("bench", 2.6, 11.3)
    plan.maybe("lamp", 5.6, 11.6)
    plan.maybe("planter", -1.4, 11.3)


def residential(plan: Plan) -> None:
    """A pavement, a road, and houses with gardens."""
    backdrop(plan)
    houses(plan, 22.0, 6.5, shop=False)
    plan.ground((-25, 25, 17.8, 22), textures.grass(px(4.2, 12), px(50, 12), plan.rng), 12)
    road(plan, 13.2, 17.8)
    pavement(plan, 6.0, 13.2, plan.tones((140, 140, 144), (128, 142, 158)), 14)
    plan.ground((-25, 25, 3, 6.0), textures.grass(px(3, 12), px(50, 12), plan.rng), 12)
    wall = textures.bricks(px(2.2), px(4.0), (92, 108, 158), plan.rng)
    plan.panel(1.8, 12.6, 2.2, wall)
    plan.put("lamp", -1.0, 12.9)
    plan.maybe("tree", -5.6, 12.6)
    plan.maybe("car", -6.0, 18.2)
    for x in (-10, -5.4, 4.6, 9.2):
        plan.maybe("fence", x, 18.6)


def school_yard(plan: Plan) -> None:
    """A court with painted lines before a building."""
    backdrop(plan)
    houses(plan, 14.4, 7.0, shop=False)
    plan.panel(-7.0, 14.2, 2.4, textures.rough(px(2.4), px(6.0), (120, 170, 190), plan.rng))
    picture = textures.rough(px(11.4), px(40), plan.tones((98, 104, 92), (92, 92, 130)), plan.rng)
    white = (215, 220, 222)
    for y in (2.2, 9.4):
        picture[px(y) : px(y) + 3] = white
    for x in (13, 20, 27):
        picture[px(2.2) : px(9.4), px(x) : px(x) + 3] = white
    plan.ground((-20, 20, 3, 14.4), picture)
    plan.maybe("bench", 3.2, 13.8)
    plan.maybe("bin", 1.2, 13.9)
    plan.maybe("planter", 6.2, 13.8)


def market(plan: Plan) -> None:
    """A cobbled square with stalls."""
    backdrop(plan)
    houses(plan, 19.5, 9.0)
    cobbles = textures.paving(px(16.5), px(40), plan.tones((124, 136, 150)), plan.rng, (7, 7))
    plan.ground((-20, 20, 3, 19.5), cobbles)
    plan.panel(-6.6, 12.6, 2.5, textures.rough(px(2.5), px(4.0), (110, 130, 150), plan.rng))
    for x in (-0.6, 2.9, 6.4):
        plan.put("stall", x, 13.3)
    plan.maybe("stall", -9.0, 16.0)
    plan.maybe("lamp", -2.0, 13.6)


LAYOUTS = (
    Layout(
        "street",
        ("on a street", "along a shopping street"),
        (-9, 9, 9.7, 12.3),
        (-3.5, 5.5, 13.4),
        street,
        ((7.8, -1), (5.2, 1)),
    ),
    Layout(
        "crossing",
        ("at a crossing", "near a zebra crossing"),
        (-8, 8, 7.0, 11.6),
        (2.4, 5.0, 11.26),
        crossing,
        ((14.4, 1), (17.1, -1)),
    ),
    Layout(
        "plaza", ("on a plaza", "on a town square"), (-8, 8, 7.0, 13.0), (-6.3, -1.2, 13.6), plaza
    ),
    Layout(
        "car park",
        ("in a car park", "in a parking lot"),
        (-8, 8, 7.0, 11.8),
        (2.3, 6.6, 12.6),
        car_park,
        pavement=False,
    ),
    Layout(
        "platform",
        ("on a station platform", "at a railway station"),
        (-9, 9, 8.3, 11.8),
        (-5.0, 5.0, 12.8),
        platform,
        pavement=False,
    ),
    Layout(
        "alley",
        ("in an alley", "in a back lane"),
        (-3.4, 3.0, 7.0, 13.6),
        (-4.4, -0.6, 14.2),
        alley,
        along=True,
    ),
    Layout("park", ("in a park", "on a park path"), (-9, 9, 7.6, 11.9), (-6.1, -1.9, 12.8), park),
    Layout(
        "hall",
        ("in a shopping mall", "in a large hall"),
        (-5.2, 3.8, 7.0, 13.0),
        (-5.7, -2.3, 13.4),
        hall,
        along=True,
        indoor=True,
        pavement=False,
    ),
    Layout(
        "promenade",
        ("on a promenade by the water", "along a river"),
        (-8, 8, 6.8, 11.0),
        (-6.3, -2.7, 11.7),
        promenade,
    ),
    Layout(
        "residential",
        ("in a residential street", "in front of houses"),
        (-8, 8, 7.0, 12.2),
        (1.9, 5.7, 12.6),
        residential,
        ((14.4, 1), (16.6, -1)),
    ),
    Layout(
        "school yard",
        ("in a school yard", "on a playground"),
        (-8, 8, 7.0, 13.3),
        (-6.9, -1.2, 14.2),
        school_yard,
    ),
    Layout(
        "market",
        ("on a market square", "at a street market"),
        (-8, 8, 7.0, 11.9),
        (-6.5, -2.7, 12.6),
        market,
    ),
)
