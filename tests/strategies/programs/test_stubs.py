import ast
import builtins
import keyword

from hypothesis import given, settings
from hypothesis import strategies as st

from remit.core.moves import Function, ToolCard
from remit.core.values import JsonObject, JsonValue
from remit.strategies.programs.stubs import Stubs, stubs

WORDS = (
    "type properties required items enum const anyOf oneOf allOf $ref $defs additionalProperties default description "
    "string integer object array null #/$defs/a a name"
)
KEYS = st.sampled_from([str(word) for word in WORDS.split()])
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | KEYS | st.text(max_size=12)


def _nested(inner: st.SearchStrategy[JsonValue]) -> st.SearchStrategy[JsonValue]:
    return st.lists(inner, max_size=4) | st.dictionaries(KEYS | st.text(max_size=8), inner, max_size=5)


SCHEMAS: st.SearchStrategy[JsonValue] = st.recursive(LEAVES, _nested, max_leaves=25)
HOSTILE = st.text(alphabet="\"'\\\n\r\t`#{}():def evil\x00\x0c\ud800\u2028é", max_size=60)


@st.composite
def cards(draw: st.DrawFn) -> list[ToolCard]:
    names = draw(st.lists(st.text(min_size=1, max_size=12) | HOSTILE, max_size=4, unique=True))
    return [draw(card(name)) for name in names]


@st.composite
def card(draw: st.DrawFn, name: str) -> ToolCard:
    properties = draw(st.dictionaries(st.text(max_size=10) | HOSTILE, SCHEMAS, max_size=5))
    required = tuple(key for key in properties if draw(st.booleans()))
    schema: JsonObject = {"type": "object", "properties": properties, "$defs": {"a": draw(SCHEMAS)}}
    output = draw(st.none() | st.dictionaries(KEYS, SCHEMAS, max_size=4))
    return ToolCard(name, draw(HOSTILE | st.text()), required, tuple(properties), schema=schema, output=output)


def functions_in(text: str) -> list[str]:
    tree = ast.parse(text)
    # Nothing else stands in the text, whatever the descriptions say.
    for node in tree.body:
        assert isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Assign)
        if isinstance(node, ast.FunctionDef):
            (doc,) = node.body
            assert isinstance(doc, ast.Expr)
            assert isinstance(doc.value, ast.Constant)
    return [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]


@given(cards(), st.sampled_from([0, 300, 24_000]))
@settings(max_examples=40, deadline=None)
def test_the_text_parses_and_holds_exactly_the_functions_whatever_the_schemas_say(
    given_cards: list[ToolCard], most: int
) -> None:
    made = stubs(given_cards, taken=("data",), most=most)
    assert functions_in(made.text) == list(made.functions)
    assert [function.tool for function in made.functions.values()] == [each.name for each in given_cards]
    for name, function in made.functions.items():
        assert function.name == name
        assert name.isidentifier()
        assert not keyword.iskeyword(name)
        assert name not in {*dir(builtins), "ToolError", "data"}


@given(cards())
@settings(max_examples=30, deadline=None)
def test_every_argument_has_one_name_in_python_with_those_needed_first(given_cards: list[ToolCard]) -> None:
    for each, function in zip(given_cards, stubs(given_cards).functions.values(), strict=True):
        names = [name for name, _ in function.parameters]
        assert len(set(names)) == len(names)
        assert all(name.isidentifier() and not keyword.iskeyword(name) for name in names)
        arguments = [argument for _, argument in function.parameters]
        assert sorted(arguments) == sorted(each.arguments)
        assert arguments == sorted(arguments, key=lambda name: name not in each.required)


@given(st.integers(1, 300), st.text(min_size=500, max_size=600))
@settings(max_examples=8, deadline=None)
def test_the_size_is_bounded_by_telling_less(count: int, description: str) -> None:
    properties: JsonObject = {f"p{number}": {"type": "string", "description": description} for number in range(70)}
    each = ToolCard("t", description, (), tuple(properties), schema={"properties": properties})
    made = stubs([ToolCard(f"tool{number}", *_rest(each)) for number in range(count)], most=5000)
    assert len(made.text) <= max(5000, 80 * count)


def _rest(each: ToolCard) -> tuple[str, tuple[str, ...], tuple[str, ...], bool, JsonObject]:
    return each.description, each.required, each.arguments, each.open, each.schema


def _one(schema: JsonObject, **more: JsonValue) -> Stubs:
    properties = schema["properties"]
    required = schema.get("required", [])
    assert isinstance(properties, dict)
    assert isinstance(required, list)
    output = more.get("output")
    assert output is None or isinstance(output, dict)
    needed = tuple(str(one) for one in required)
    return stubs([ToolCard("find", "Find.", needed, tuple(properties), schema=schema, output=output)])


def _argument(schema: JsonValue) -> str:
    head = _one({"properties": {"x": schema}, "required": ["x"]}).text.split("\n\n")[-1].splitlines()[0]
    return head.removeprefix("def find(x: ").removesuffix(") -> Any:")


def test_schemas_become_the_types_a_programmer_would_write() -> None:
    expected: list[tuple[JsonValue, str]] = [
        ({"type": "string"}, "str"),
        ({"type": "integer"}, "int"),
        ({"type": ["number", "null"]}, "float | None"),
        ({"type": "array", "items": {"type": "boolean"}}, "list[bool]"),
        ({"type": "array"}, "list[Any]"),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, "dict[str, int]"),
        ({"type": "object"}, "dict[str, Any]"),
        ({"enum": ["a", "b"]}, "Literal['a', 'b']"),
        ({"const": 3}, "Literal[3]"),
        ({"enum": [1.5]}, "Any"),
        ({"type": "number", "enum": [1.5]}, "float"),
        ({"enum": [f"n{number}" for number in range(30)]}, "str"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "str | None"),
        ({"oneOf": [{"type": "string"}, {}]}, "Any"),
        ({"allOf": [{"type": "string"}]}, "str"),
        ({"allOf": [{"type": "string"}, {"maxLength": 3}]}, "Any"),
        ({"type": "strange"}, "Any"),
        ({"$ref": "https://example.org/x"}, "Any"),
        (True, "Any"),
    ]
    assert [_argument(schema) for schema, _ in expected] == [shown for _, shown in expected]


def test_dicts_with_known_keys_are_classes_also_when_they_hold_themselves() -> None:
    node: JsonObject = {
        "type": "object",
        "properties": {"value": {"type": "integer"}, "next": {"$ref": "#/$defs/Node"}, "odd-key": {}},
        "required": ["value"],
    }
    schema: JsonObject = {"properties": {"start": {"$ref": "#/$defs/Node"}}, "$defs": {"Node": node, "A": {}}}
    output: JsonObject = {"type": "array", "items": {"properties": {"id": {"type": "string"}}, "required": ["id"]}}
    assert _one(schema, output=output).text == (
        "Node = TypedDict(\"Node\", {'value': int, 'next': NotRequired[Node], 'odd-key': NotRequired[Any]})\n\n"
        "class FindResultItem(TypedDict):\n    id: str\n\n"
        'def find(start: Node = ...) -> list[FindResultItem]:\n    """Find."""'
    )


def test_a_definition_that_is_no_class_is_written_out() -> None:
    schema: JsonObject = {"properties": {"x": {"$ref": "#/$defs/Ids"}}, "$defs": {"Ids": {"type": "array"}}}
    assert "x: list[Any] = ..." in _one(schema).text


def test_definitions_that_go_in_circles_end() -> None:
    several: list[JsonValue] = [{"type": "array", "items": {"$ref": "#/$defs/A"}} for _ in range(8)]
    schema: JsonObject = {"properties": {"x": {"$ref": "#/$defs/A"}}, "$defs": {"A": {"anyOf": several}}}
    assert len(_one(schema).text) < 24_000


def test_defaults_and_descriptions_are_told() -> None:
    properties: JsonObject = {
        "city": {"type": "string", "default": "Rome", "description": 'Where, as "City".'},
        "days": {"type": "integer", "default": 3},
        "wide": {"default": list(range(9))},
        "rate": {"default": 0.5},
        "tags": {"default": []},
        "huge": {"default": 10**30},
        "long": {"default": "x" * 99},
    }
    assert _one({"properties": properties}).text == (
        "def find(city: str = 'Rome', days: int = 3, wide: Any = ..., rate: Any = 0.5, tags: Any = [], "
        "huge: Any = ..., long: Any = ...) -> Any:\n"
        '    """Find.\n    city: Where, as \'City\'.\n    """'
    )


def test_names_that_python_has_or_does_not_allow_are_changed_and_kept_apart() -> None:
    names = ["find-customer", "find_customer", "open", "class", "2nd", "ToolError", "données", "__import__", "---"]
    made = stubs([ToolCard(name, "", (), ("from", "a-b", "a_b")) for name in names])
    assert list(made.functions) == [
        "find_customer",
        "find_customer_2",
        "open_",
        "class_",
        "n_2nd",
        "ToolError_",
        "donn_es",
        "n_import",
        "n_",
    ]
    assert made.functions["open_"] == Function("open_", "open", (("from_", "from"), ("a_b", "a-b"), ("a_b_2", "a_b")))
