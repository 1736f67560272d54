"""Laws of shoal.config that hold for any settings."""

from __future__ import annotations

import copy

import yaml
from hypothesis import given
from hypothesis import strategies as st

from shoal import config

leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.text(max_size=3),
    st.lists(st.integers(), max_size=2),
)
parts = st.text("ab-_", min_size=1, max_size=3)


def trees_of(parts):
    return st.recursive(
        leaves, lambda below: st.dictionaries(parts, below, max_size=3), max_leaves=8
    ).map(lambda tree: tree if isinstance(tree, dict) else {"a": tree})


trees = trees_of(parts)
keys = st.lists(parts, min_size=1, max_size=3).map(".".join)
assignments = st.lists(st.tuples(keys, st.one_of(leaves, trees)), max_size=3)

# Trees that agree on what is a section (capital) and what is a value, and on spelling.
consistent = st.recursive(
    st.dictionaries(st.sampled_from("xyz"), leaves, max_size=3),
    lambda below: st.builds(
        lambda values, sections: values | sections,
        st.dictionaries(st.sampled_from("xyz"), leaves, max_size=2),
        st.dictionaries(st.sampled_from("XYZ"), below, max_size=2),
    ),
    max_leaves=4,
)


def ordered(tree):
    """Settings with the order of their names."""
    if isinstance(tree, dict):
        return [(key, ordered(value)) for key, value in tree.items()]
    return tree


@given(trees, st.lists(assignments, max_size=4))
def test_nested_set_restores_exactly(settings, levels):
    before = [ordered(settings)]
    blocks = []
    for level in levels:
        blocks.append(config.set(copy.deepcopy(dict(level)), config=settings))
        blocks[-1].__enter__()
        before.append(ordered(settings))
    for block in reversed(blocks):
        assert ordered(settings) == before.pop()
        block.__exit__(None, None, None)
    assert ordered(settings) == before.pop()


@given(trees, st.lists(assignments, max_size=5), st.randoms(use_true_random=False))
def test_set_restores_in_whatever_order_blocks_end(settings, levels, random):
    before = copy.deepcopy(settings)
    blocks = [config.set(copy.deepcopy(dict(level)), config=settings) for level in levels]
    for block in blocks:
        block.__enter__()
    random.shuffle(blocks)
    for block in blocks:
        block.__exit__(None, None, None)
    assert settings == before


@given(st.data())
def test_the_latest_block_in_force_counts(data):
    settings = {"k": "outside"}
    running = []
    for value in range(data.draw(st.integers(1, 12))):
        if running and data.draw(st.booleans()):
            running.pop(data.draw(st.integers(0, len(running) - 1)))[1].__exit__(None, None, None)
        else:
            block = config.set(k=value, config=settings)
            block.__enter__()
            running.append((value, block))
        assert settings["k"] == (running[-1][0] if running else "outside")


# Hyphens only: where both spellings are there, each is a setting of its own.
@given(trees_of(st.text("ab-", min_size=1, max_size=3)), keys, leaves)
def test_what_is_set_is_got_under_any_spelling(settings, key, value):
    with config.set({key: value}, config=settings):
        for spelling in (key, key.replace("_", "-"), key.replace("-", "_")):
            assert config.get(spelling, config=settings) == value


@given(trees, keys)
def test_pop_removes_what_get_finds(settings, key):
    missing = object()
    found = config.get(key, missing, config=settings)
    assert config.pop(key, missing, config=settings) is found


@given(parts, st.dictionaries(parts, leaves))
def test_canonical_name_is_idempotent(part, section):
    name = config.canonical_name(part, section)
    assert config.canonical_name(name, section) == name
    assert name.replace("_", "-") == part.replace("_", "-")
    assert name in section or name == part


@given(trees)
def test_canonical_name_of_a_key_is_the_key(section):
    assert [config.canonical_name(key, section) for key in section] == list(section)


@given(consistent, consistent, consistent)
def test_merge_is_associative_and_idempotent_with_a_neutral_element(a, b, c):
    assert config.merge(config.merge(a, b), c) == config.merge(a, config.merge(b, c))
    assert config.merge(a, a) == config.merge(a) == config.merge({}, a) == config.merge(a, {}) == a


@given(trees, trees)
def test_merge_changes_and_shares_nothing(a, b):
    before = copy.deepcopy((a, b))
    merged = config.merge(a, b)
    sections = [merged]
    for section in sections:
        sections.extend(value for value in section.values() if isinstance(value, dict))
        section["added"] = 1
    assert (a, b) == before


@given(consistent, consistent)
def test_old_priority_is_new_priority_the_other_way_round(old, new):
    expected = config.merge(new, old)
    assert config.update(copy.deepcopy(old), new, priority="old") == expected


@given(consistent, consistent)
def test_new_defaults_lies_between_old_and_new(old, new):
    def updated(priority, defaults=None):
        return config.update(copy.deepcopy(old), new, priority, defaults)

    assert updated("new-defaults", old) == updated("new")
    assert updated("new-defaults", {}) == updated("new-defaults") == updated("old")


@given(consistent, consistent, consistent)
def test_update_defaults_keeps_what_a_user_chose(first, second, chosen):
    known, settings = [], {}
    config.update_defaults(first, settings, known)
    config.update(settings, chosen)
    config.update_defaults(second, settings, known)
    flat = dict(flatten(settings))
    for key, value in flatten(chosen):
        if value != config.get(key, None, config=first):
            assert flat[key] == value


def flatten(tree, above=""):
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from flatten(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


@given(consistent, consistent)
def test_refresh_is_idempotent_and_complete(first, second):
    settings = {"left": "over"}
    for _ in range(2):
        config.refresh(settings, [first, second], paths=[], env={})
        assert settings == config.merge(first, second)


@given(st.dictionaries(st.text("abcxyz", min_size=1), leaves), st.text("pq", min_size=1))
def test_environment_round_trip(section, name):
    env = {f"SHOAL_{name.upper()}__{key.upper()}": repr(value) for key, value in section.items()}
    assert config.collect_env(env) == ({name: section} if section else {})


@given(trees)
def test_serialize_round_trip(settings):
    text = config.serialize(settings)
    assert config.deserialize(text) == settings
    assert config.collect_env({"SHOAL_INTERNAL_INHERIT_CONFIG": text}) == settings


@given(trees)
def test_yaml_round_trip(tmp_path_factory, settings):
    file = tmp_path_factory.mktemp("settings") / "a.yaml"
    file.write_text(yaml.safe_dump(settings))
    assert list(config.collect_yaml([file])) == ([settings] if settings else [])


@given(trees)
def test_expansion_changes_nothing_without_variables(settings):
    assert config.expand_environment_variables(settings) == settings
