"""What is asked many times is worked out once, and for other things anew."""

from distill.config.once import once_each, once_for


class Plan:
    def __init__(self, name: str):
        self.name = name
        self.asked: list[str] = []

    @once_each
    def places(self, kind: str = "all") -> list[str]:
        self.asked.append(kind)
        return [f"{self.name} {kind}"]

    @once_each
    def other(self, kind: str = "all") -> list[str]:
        return [kind]


def test_a_method_works_once_for_each_object_and_argument() -> None:
    one, two = Plan("one"), Plan("two")
    assert one.places("a") is one.places("a")
    assert (one.places("b"), one.places(), one.other("a"), two.places("a")) == (
        ["one b"],
        ["one all"],
        ["a"],
        ["two a"],
    )
    assert (one.asked, two.asked) == (["a", "b", "all"], ["a"])


def test_a_function_works_once_for_the_same_objects_and_not_for_equal_ones() -> None:
    asked = []

    @once_for
    def joined(recipe: list[int], name: str | None) -> list[object]:
        asked.append((recipe[0], name))
        return [*recipe, name]

    entry, equal = [1], [1]
    assert joined(entry, "a") is joined(entry, "".join("a"))
    assert joined(equal, "a") == joined(entry, "a")
    assert joined(entry, None) == [1, None]
    assert asked == [(1, "a"), (1, "a"), (1, None)]


def test_an_object_that_is_gone_is_not_taken_for_a_new_one_in_its_place() -> None:
    @once_for
    def first(recipe: list[int]) -> int:
        return recipe[0]

    for number in range(100):
        assert first([number]) == number  # a list that nobody keeps is gone at once
