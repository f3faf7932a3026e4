"""A score computed again from what an explanation prints, by the formulas of docs/method.md in plain Python.

Every value is carried on from the cells up: no score or stage that the explanation prints goes into another one. Not
here: the method of the product, nothing of which is imported; only its rounding to 12 digits decides what is equal.
"""

from __future__ import annotations

import ast
import math
from typing import Any, NamedTuple

import numpy as np

from warehouse.rounding import round_significant

Node = dict[str, Any]
NEXT_TO_ZERO = 1e-15
NEXT_TO = 1e-13  # a stage is the printed one when nothing but the last bits of a double is between them


def rounded(value: float | None) -> float | None:
    return None if value is None else float(round_significant(np.array(value, dtype=np.float64)))


class Where(NamedTuple):
    """Of which score a document tells, and what was found wrong in it."""

    period: str
    area: str
    found: list[str]


def disagreements(document: Node) -> list[str]:
    """Where a number computed again from the cells is not the printed one: `node: what: printed, computed`."""
    where = Where(document["time_period"], document["ref_area"], [])
    score(document["tree"], where)
    return where.found


def score(node: Node, where: Where) -> float | None:
    """The score by the method of one node (what its parent needs), checking all that is printed on the way."""
    own = leaf(node, where) if "stages" in node else inner(node, where)
    _close(node["node_id"], "computed", node["computed"], own, where)
    published = moved(node, own)
    is_zero = node["score"] == 0 and published is not None and abs(published) < NEXT_TO_ZERO
    if rounded(published) != node["score"] and not is_zero:
        where.found.append(f"{node['node_id']}: score: {node['score']}, {rounded(published)}")
    return own


def moved(node: Node, own: float | None) -> float | None:
    """After splicing, then rebasing."""
    splice = node.get("spliced")
    if splice and splice["is_old"]:
        own = splice["old"]
    elif splice:
        old, new = (math.fsum(each[key] for each in splice["overlap"]) for key in ("old", "new"))
        own = own * (old / new) if own is not None and min(old, new) > 0 else None
    at = node.get("rebased")
    if at and own is not None:
        there = at["score_there"]
        return own / there * at["value"] if there and there > 0 else None
    return own


# indicators


def leaf(node: Node, where: Where) -> float | None:
    value: float | None = None
    for stage in node["stages"]:
        value = STAGES[stage["stage"]](stage, value, node, where)
        _close(node["node_id"], stage["stage"], stage["value"], value, where)
    imputed = any(stage.get("is_imputed") for stage in node["stages"])
    return None if imputed and (node["coverage_threshold"] or 0) > 0 else value


def raw(stage: Node, value: float | None, node: Node, where: Where) -> float | None:
    return origin(stage["origin"], where)


def origin(printed: Node, where: Where) -> float | None:
    """A value from its cell; that of a formula from the values of its inputs."""
    if "formula" not in printed:
        used = [each["value"] for each in printed["vintages"] if each["is_used"]]
        if printed["value"] is not None and used != [printed["value"]]:
            where.found.append(f"{printed['indicator_id']}: {printed['value']} is not in its vintages {used}")
        return printed["value"]
    inputs = {}
    for each in printed["inputs"]:
        own = origin(each, where)
        if own is None:
            return None
        inputs[each["indicator_id"], each["lag"], each["at"]] = own * each["unit_factor"]
    try:
        result = evaluate(ast.parse(printed["formula"], mode="eval").body, inputs, 0, None) / printed["unit_factor"]
    except ZeroDivisionError:
        return None
    if rounded(result) != printed["value"]:
        where.found.append(f"{printed['indicator_id']}: {printed['value']}, {rounded(result)}")
    return rounded(result)


def evaluate(part: ast.expr, inputs: dict[Any, float], lag: int, at: str | None) -> float:
    if isinstance(part, ast.Constant):
        return float(part.value)
    if isinstance(part, ast.Name):
        return inputs[part.id, lag, at]
    if isinstance(part, ast.UnaryOp):
        return -evaluate(part.operand, inputs, lag, at)
    if isinstance(part, ast.Call):
        inner, argument = part.args
        given = argument.value
        if part.func.id == "lag":
            return evaluate(inner, inputs, lag + given, at)
        return evaluate(inner, inputs, lag, given)
    left, right = evaluate(part.left, inputs, lag, at), evaluate(part.right, inputs, lag, at)
    return {
        ast.Add: lambda: left + right,
        ast.Sub: lambda: left - right,
        ast.Mult: lambda: left * right,
        ast.Div: lambda: left / right,
    }[type(part.op)]()


def screen(stage: Node, value: float | None, node: Node, where: Where) -> float | None:
    options = stage["rule"]["options"]
    reached = all(stage[key] >= options[key] - 1e-12 for key in ("availability", "non_zero"))
    assert stage["is_kept"] == ((reached or where.area in options["keep"]) and where.area not in options["drop"])
    return value if stage["is_kept"] else None


def denominate(stage: Node, value: float | None, node: Node, where: Where) -> float | None:
    divisor = origin(stage["denominator"], where)
    if value is None or not divisor:
        return None
    return value / (divisor / stage["scale"])


def ordinal(period: str) -> int:
    year, _, rest = period.partition("-")
    if not rest:
        return int(year)
    return int(year) * 4 + int(rest[1:]) if rest[0] == "Q" else int(year) * 12 + int(rest)


def impute(stage: Node, value: float | None, node: Node, where: Where) -> float | None:
    if not stage["is_imputed"]:
        return value
    assert value is None, node["node_id"]
    taken, method = stage["from"], stage["filled_by"]
    if method == "carry" or (method == "linear" and len(taken) == 1):
        return taken[0]["value"]
    if method == "linear":
        (a, low), (b, high) = ((ordinal(each["period"]), each["value"]) for each in taken)
        now = ordinal(where.period)
        return low + (high - low) * (now - a) / (b - a)
    if method == "cross_section":
        values = sorted(each["value"] for each in taken)
        if stage["statistic"] == "mean":
            return math.fsum(values) / len(values)
        return (values[(len(values) - 1) // 2] + values[len(values) // 2]) / 2
    if method == "row_mean":
        own, *beside = taken
        ways = [(each["value"] - each["worst"]) / (each["best"] - each["worst"]) for each in beside]
        return own["worst"] + math.fsum(ways) / len(ways) * (own["best"] - own["worst"])
    (constant,) = (rule for rule in stage["rules"] if rule["method"] == "constant")
    return constant["options"]["value"]


def treat(stage: Node, value: float | None, node: Node, where: Where) -> float | None:
    if value is None:
        return None
    facts, rule = stage["parameters"], stage["rule"]
    if rule["method"] == "sd_limits":
        return min(max(value, facts["lower_limit"]), facts["upper_limit"]) if rule["options"]["clip"] else value
    if stage["winsorised_to"]:
        low, high = stage["winsorised_to"]
        value = min(max(value, low), high)
    how = stage["transform"]
    return value if how is None else transform(how, value, stage["direction"])


def transform(how: Node, x: float, direction: int) -> float | None:
    low, high, method = how["low"], how["high"], how["method"]
    span = high - low
    if method == "log_ct" or (method == "log_ct_plus" and not how["is_mirrored"]):
        return math.log(x - low + 0.01 * span)
    if method == "log_ct_plus":
        return -math.log(high - x + 0.01 * span)
    if method == "log_ct_orig":
        return math.log(x - low + 1)
    if method == "log_gii":
        inner = (high - 1) * ((high - x) if direction < 0 else (x - low)) / span + 1
        return -math.log(inner) if direction < 0 else math.log(inner)
    if method == "boxcox":
        z, power = x - low + 1, how["boxcox_lambda"]
        return math.log(z) if power == 0 else (z**power - 1) / power
    return math.sqrt(x) if x >= 0 else None


def normalise(stage: Node, x: float | None, node: Node, where: Where) -> float | None:
    if x is None:
        return None
    rule, facts, up = stage["rule"], stage["parameters"], stage["direction"] > 0
    options, method = rule["options"], rule["method"]
    low, high = facts.get("min"), facts.get("max")
    if method == "min_max":
        if low is None or high is None or low == high:
            return None
        way = (x - low if up else high - x) / (high - low)
        return options["lower"] + (options["upper"] - options["lower"]) * way
    if method == "z_score":
        if not facts["sd"]:
            return None
        z = (x - facts["mean"]) / facts["sd"]
        return options["mean"] + options["sd"] * (z if up else -z)
    if method in ("rank", "borda", "percentile_rank"):
        worse, n = stage["rests_on"]["worse"], stage["rests_on"]["values"]
        if method == "percentile_rank":
            return worse / (n - 1) if n > 1 else None
        return float(worse + (method == "rank"))
    if method in ("goalposts", "scaled"):
        low, high = facts["low"], facts["high"]
        if options["log"]:
            if x <= 0:
                return None
            low, high, x = math.log(low), math.log(high), math.log(x)
        reached = options["scale"] * ((x - low if up else high - x) / (high - low))
        return min(max(reached, 0.0), options["scale"]) if options["cap"] else reached
    if method == "base_ratio":
        base = facts.get("base_value")
        if base is None or base <= 0 or (not up and x <= 0):
            return None
        return options["value"] * (x / base if up else base / x)
    if method == "ampi":
        if low == high or facts.get("reference") is None:
            return None
        sign, span = (1 if up else -1), high - low
        return 70 + 60 * (sign * (x - facts["reference"]) + span / 2) / span
    if method == "fraction_of_max":
        if (high if up else low) <= 0 or (not up and x <= 0):
            return None
        return x / high if up else low / x
    if method == "distance_to_target":
        worst, target = (low if up else high), facts["target"]
        if (target - worst) * (1 if up else -1) <= 0:
            return 1.0 if (x - target) * (1 if up else -1) >= 0 else None
        way = (x - worst) / (target - worst)
        return min(way, 1.0) if options["cap"] else way
    assert method == "distance_to_reference", method
    worst, reference = (low if up else high), facts.get("reference")
    if reference is None or (reference - worst) * (1 if up else -1) <= 0:
        return None
    return (x - worst) / (reference - worst)


STAGES: dict[str, Any] = {
    "raw": raw, "screen": screen, "denominate": denominate, "impute": impute, "treat": treat, "normalise": normalise,
}  # fmt: skip


# nodes above the indicators


def inner(node: Node, where: Where) -> float | None:
    scores = {child["node_id"]: score(child, where) for child in node["children"]}
    weights = {child["node_id"]: child["weight_given"] for child in node["children"]}
    seen = math.fsum(child["weight_given"] * (child["coverage"] or 0) for child in node["children"])
    _close(node["node_id"], "coverage", node["coverage"], seen / math.fsum(weights.values()), where, 1e-11)
    if node["coverage"] < (node["coverage_threshold"] or 0) - 1e-11:
        return None
    step = node["aggregation"]
    method, options = step["method"], step["options"]
    if method in OVER_TIME or method in OVER_AREAS:
        return (OVER_TIME | OVER_AREAS)[method](node, scores, weights, where)
    there = {name: y for name, y in scores.items() if y is not None and weights[name] > 0}
    if not there:
        return None
    w = {name: weights[name] / math.fsum(weights[each] for each in there) for name in there}
    if method in ("geometric", "harmonic"):
        if options["floor"] is not None:
            there = {name: max(y, options["floor"]) for name, y in there.items()}
        if min(there.values()) <= 0:
            return None
        if method == "geometric":
            return math.exp(math.fsum(w[name] * math.log(y) for name, y in there.items()))
        return 1 / math.fsum(w[name] / y for name, y in there.items())
    if method == "power_mean":
        p = options["p"]
        if (p < 0 and min(there.values()) <= 0) or (p % 1 and min(there.values()) < 0):
            return None
        return math.fsum(w[name] * y**p for name, y in there.items()) ** (1 / p)
    if method == "median":
        return median(sorted((y, w[name]) for name, y in there.items()))
    if method == "min":
        return min(there.values())
    mean = math.fsum(w[name] * y for name, y in there.items())
    if method == "arithmetic":
        return mean
    assert method in ("mpi", "ampi"), method
    ddof, n = options["ddof"] if options["ddof"] is not None else int(method == "mpi"), len(there)
    variance = math.fsum(w[name] * (y - mean) ** 2 for name, y in there.items())
    if ddof:
        variance *= n / (n - 1) if n > 1 else 0
    penalty = variance / mean if variance else 0.0
    return mean - penalty if options["penalty"] == "minus" else mean + penalty


def median(pairs: list[tuple[float, float]]) -> float:
    below, low = 0.0, None
    for y, weight in pairs:
        below += weight
        if low is None and below >= 0.5 * (1 - 1e-12):
            low = y
        if below > 0.5 * (1 + 1e-12):
            assert low is not None
            return (low + y) / 2
    raise AssertionError(pairs)


def copeland(node: Node, scores: dict[str, Any], weights: dict[str, float], where: Where) -> float | None:
    areas, me = node["rests_on"]["areas"], where.area
    for name, y in scores.items():
        assert rounded(areas[me][name]) == rounded(y)
    if not any(y is not None and weights[name] > 0 for name, y in areas[me].items()):
        return None
    wins = 0
    for other, theirs in areas.items():
        if other == me:
            continue
        ahead = whole = 0.0
        for name, weight in weights.items():
            mine, his = rounded(areas[me][name]), rounded(theirs[name])
            if mine is None or his is None:
                continue
            ahead += weight * ((mine > his) - (mine < his))
            whole += weight
        wins += (ahead > 1e-12 * whole) - (ahead < -1e-12 * whole)
    return float(wins)


def topsis(node: Node, scores: dict[str, Any], weights: dict[str, float], where: Where) -> float | None:
    near = far = 0.0
    for name, at in node["rests_on"]["children"].items():
        if scores[name] is None:
            continue
        y = scores[name] / at["length"]
        near += (weights[name] * (y - at["best"])) ** 2
        far += (weights[name] * (y - at["worst"])) ** 2
    near, far = math.sqrt(near), math.sqrt(far)
    return far / (far + near) if far + near else None


def doubt(node: Node, scores: dict[str, Any], weights: dict[str, float], where: Where) -> float | None:
    own = node["rests_on"]["own_weights"]
    there = [name for name, y in scores.items() if y is not None]
    if not there or min(scores[name] for name in there) < 0:
        return None
    # the weights themselves are known in 12 digits: their sum is off by some units of the last one
    total = math.fsum(own[name] * scores[name] for name in there)
    assert all(each["sum"] <= 1 + 1e-9 for each in node["rests_on"]["limited_by"])
    shares = {name: own[name] * scores[name] / total for name in there} if total else {}
    for name, (low, high) in node["rests_on"]["share_bounds"].items() if not node["notes"] else ():
        assert name not in shares or low - 1e-9 <= shares[name] <= high + 1e-9
    assert math.isclose(total, node["computed"], rel_tol=1e-11)
    return node["computed"]


def chain(node: Node, scores: dict[str, Any], weights: dict[str, float], where: Where) -> float | None:
    rest, method = node["rests_on"], node["aggregation"]["method"]
    if "linked_to" not in rest:
        present = any(y is not None and y > 0 and weights[name] > 0 for name, y in scores.items())
        return rest["value"] if present else None
    if rest["score_there"] is None:
        return None
    rates, used = [], []
    for part in rest["children"]:
        start, end, k, d = part["from"]["value"], part["to"]["value"], part["intervals"], part["direction"]
        if method == "chain_geometric":
            growth = d * math.log(end / start) / k
        elif k == 1:
            growth = d * 200 * (end - start) / (end + start)
        else:
            root = (end / start) ** (1 / k)
            growth = d * 200 * (root - 1) / (root + 1)
        assert math.isclose(growth, part["growth"], rel_tol=1e-13, abs_tol=1e-15)
        rates.append(growth)
        used.append(part["weight"])
    if not math.fsum(used) > 0:
        return None
    mean = math.fsum(w * g for w, g in zip(used, rates, strict=True)) / math.fsum(used)
    link = math.exp(mean) if method == "chain_geometric" else (200 + mean) / (200 - mean)
    return rest["score_there"] / link if rest["is_backwards"] else rest["score_there"] * link


def price(node: Node, scores: dict[str, Any], weights: dict[str, float], where: Where) -> float | None:
    rest, method = node["rests_on"], node["aggregation"]["method"]
    if "linked_to" not in rest:
        return rest["value"]
    if rest["score_there"] is None:
        return None
    items = []
    for part in rest["children"]:
        p0, q0, p1, q1 = (part[end][what] for end in ("from", "to") for what in ("price", "quantity"))
        needed = {"laspeyres": (p0, q0, p1), "paasche": (p0, q1, p1)}.get(method, (p0, q0, p1, q1))
        if part["counts"] and None not in needed and p0 > 0 and p1 > 0:
            items.append((p0, q0, p1, q1))
    if not items:
        return None
    earlier = later = None
    if method != "paasche":
        earlier = math.fsum(p1 * q0 for _, q0, p1, _ in items) / math.fsum(p0 * q0 for p0, q0, _, _ in items)
    if method != "laspeyres":
        later = math.fsum(p1 * q1 for _, _, p1, q1 in items) / math.fsum(p0 * q1 for p0, _, _, q1 in items)
    if method == "tornqvist":
        v0, v1 = math.fsum(p * q for p, q, _, _ in items), math.fsum(p * q for _, _, p, q in items)
        ratio = math.exp(math.fsum((p0 * q0 / v0 + p1 * q1 / v1) / 2 * math.log(p1 / p0) for p0, q0, p1, q1 in items))
    elif method == "fisher":
        assert earlier is not None and later is not None
        ratio = math.sqrt(earlier * later)
    else:
        ratio = earlier if method == "laspeyres" else later
        assert ratio is not None
    return rest["score_there"] / ratio if rest["is_backwards"] else rest["score_there"] * ratio


OVER_AREAS = {"copeland": copeland, "topsis": topsis, "benefit_of_the_doubt": doubt}
OVER_TIME = {"chain_symmetric": chain, "chain_geometric": chain} | dict.fromkeys(
    ("laspeyres", "paasche", "fisher", "tornqvist"), price
)


def _close(
    node_id: str, what: str, printed: float | None, own: float | None, where: Where, room: float = NEXT_TO
) -> None:
    if printed is None or own is None:
        if printed is not own:
            where.found.append(f"{node_id}: {what}: {printed}, {own}")
    elif not math.isclose(printed, own, rel_tol=room, abs_tol=1e-15):
        where.found.append(f"{node_id}: {what}: {printed}, {own}")
