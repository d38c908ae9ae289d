"""What a run is made of, checked before any work: recipe, analysis and setting."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

from experiments.data import DATASETS
from experiments.names import architecture_name, setting_name
from experiments.regularizers import PENALTIES, REGULARIZERS, UNTRAINED
from modlib.validation import check_choice, is_number, is_whole

DEVICES = ("cpu", "cuda")
MILD_L2 = 1e-5  # Table 1: the weight decay that accompanies every L1 penalty and every dropout
LARGEST_SEED = 2**32 - 1


def _checked(default: Any, convert: Callable[[str, Any], Any]) -> Any:
    return field(default=default, metadata={"convert": convert})


def _refuse(name: str, rule: str, value: object) -> ValueError:
    return ValueError(f"{name} must be {rule}. Got {value!r}.")


def _number(default: float, low: float, high: float) -> Any:
    def convert(name: str, value: Any) -> float:
        if not is_number(value) or not low <= value <= high:
            raise _refuse(name, f"a number between {low:g} and {high:g}", value)
        return float(value) + 0.0  # -0.0 is 0.0, and has the same text

    return _checked(default, convert)


def _is_within(value: Any, low: int, high: int) -> bool:
    return is_whole(value) and low <= int(value) <= high


def _whole(default: int, low: int, high: int) -> Any:
    def convert(name: str, value: Any) -> int:
        if not _is_within(value, low, high):
            raise _refuse(name, f"a whole number between {low} and {high}", value)
        return int(value)

    return _checked(default, convert)


def _wholes(default: tuple[int, ...], low: int, high: int, distinct: bool) -> Any:
    rule = f"a list of one or more whole numbers between {low} and {high}"
    rule += ", without repeats" if distinct else ""

    def convert(name: str, value: Any) -> tuple[int, ...]:
        items = tuple(value) if isinstance(value, (list, tuple)) else ()
        if not items or not all(_is_within(item, low, high) for item in items):
            raise _refuse(name, rule, value)
        if distinct and len(set(items)) < len(items):
            raise _refuse(name, rule, value)
        return tuple(map(int, items))

    return _checked(default, convert)


def _choice(default: str, choices: tuple[str, ...]) -> Any:
    def convert(name: str, value: Any) -> str:
        check_choice(name, value, choices)
        return value

    return _checked(default, convert)


def _flag(default: bool) -> Any:
    def convert(name: str, value: Any) -> bool:
        if not isinstance(value, bool):
            raise _refuse(name, "True or False", value)
        return value

    return _checked(default, convert)


def _part(kind: type) -> dict[str, Callable[[str, Any], Any]]:
    def convert(name: str, value: Any) -> Any:
        if not isinstance(value, kind):
            raise _refuse(name, f"a {kind.__name__}", value)
        return value

    return {"convert": convert}


@dataclass(frozen=True)
class Checked:
    """A frozen dataclass whose values are checked when made."""

    def __post_init__(self) -> None:
        for item in fields(self):
            if convert := item.metadata.get("convert"):
                object.__setattr__(self, item.name, convert(item.name, getattr(self, item.name)))


@dataclass(frozen=True)
class Recipe(Checked):
    """How networks are trained, but for what the regulariser decides.

    The defaults follow the authors' released code. The loss is minimised by Adam; the learning
    rate is multiplied by ``plateau_factor`` once the validation loss has not improved for more
    than ``plateau_patience`` epochs; training ends after ``patience`` epochs without a better
    validation loss, or after ``max_epochs``.

    Raises
    ------
    ValueError
        If a value is of the wrong type or outside its range; the message names it.
    """

    hidden: tuple[int, ...] = _wholes((64, 64), 1, 65_536, distinct=False)
    learning_rate: float = _number(1e-3, 1e-8, 1.0)
    batch_size: int = _whole(200, 1, 1_000_000)
    max_epochs: int = _whole(500, 0, 10_000)
    patience: int = _whole(6, 1, 10_000)
    plateau_patience: int = _whole(3, 0, 10_000)
    plateau_factor: float = _number(0.25, 1e-6, 0.999)
    validation_fraction: float = _number(0.1, 0.001, 0.9)

    @property
    def architecture(self) -> str:
        """The kind of network and its widths, as tables name them."""
        return architecture_name(self.hidden)


@dataclass(frozen=True)
class TrainingConfig(Recipe):
    """A recipe with its regularisers: all that training needs.

    The loss is the cross-entropy plus ``l1 * sum |W| + l2 * sum W**2`` over the weight matrices,
    biases excepted. A further ``penalty`` on the weights, one of those recorded in
    :mod:`experiments.regularizers`, is added ``penalty_strength`` times.

    Raises
    ------
    ValueError
        If a value is of the wrong type or outside its range; the message names it.
    """

    dropout: float = _number(0.0, 0.0, 0.99)
    l1: float = _number(0.0, 0.0, 1e3)
    l2: float = _number(MILD_L2, 0.0, 1e3)
    penalty: str = _choice("none", ("none", *PENALTIES))
    penalty_strength: float = _number(0.0, 0.0, 1e3)


@dataclass(frozen=True)
class AnalysisConfig(Checked):
    """How units are clustered, and what their modules are held against.

    ``best`` asks for the highest modularity that can be found, beside what the paper's algorithm
    finds; ``null_draws`` is how many draws of each null model every Q is held against, and
    ``lesion_draws`` how many random assignments the damage of its modules is; 0 leaves them out.

    Raises
    ------
    ValueError
        If a value is of the wrong type or outside its range; the message names it.
    """

    n_steps: int = _whole(5000, 0, 100_000_000)
    entropy: float = _number(0.15, 1e-6, 10.0)
    search_seed: int = _whole(0, 0, LARGEST_SEED)
    best: bool = _flag(True)
    null_draws: int = _whole(20, 0, 100_000)
    lesion_draws: int = _whole(100, 0, 100_000)


@dataclass(frozen=True)
class SettingConfig(Checked):
    """One row of the paper's Table 1: a data set, a regulariser, its strength, and the seeds.

    ``recipe`` holds all that the regulariser does not decide; :attr:`training` is that recipe
    with the strength put in its place. ``device`` is where networks are trained and measured; a
    GPU draws other random numbers, so it gives other networks.

    Raises
    ------
    ValueError
        If a value is of the wrong type or outside its range; the message names it.
    """

    dataset: str = _choice("mnist", DATASETS)
    regularizer: str = _choice("l2", (*REGULARIZERS, UNTRAINED))
    strength: float = _number(MILD_L2, 0.0, 1e3)
    seeds: tuple[int, ...] = _wholes((0,), 0, LARGEST_SEED, distinct=True)
    device: str = _choice("cpu", DEVICES)
    recipe: Recipe = field(default_factory=Recipe, metadata=_part(Recipe))
    analysis: AnalysisConfig = field(default_factory=AnalysisConfig, metadata=_part(AnalysisConfig))

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, Any]) -> Self:
        """Make a setting of plain values by the names of the fields, those of its parts included.

        Names that are no field are passed over, so that a notebook may hand over all it has.

        Raises
        ------
        ValueError
            As for the setting itself.
        """

        def chosen(kind: type) -> dict[str, Any]:
            names = [item.name for item in fields(kind)]
            return {name: parameters[name] for name in names if name in parameters}

        parts = {
            "recipe": Recipe(**chosen(Recipe)),
            "analysis": AnalysisConfig(**chosen(AnalysisConfig)),
        }
        return cls(**chosen(cls) | parts)

    @property
    def parameters(self) -> dict[str, Any]:
        """The setting as plain literals by the names of the fields: parameters of a notebook."""
        values = asdict(self)
        parts = values.pop("recipe") | values.pop("analysis")
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in (values | parts).items()
        }

    @property
    def name(self) -> str:
        """The regulariser and its strength, as people, files and keys name the setting."""
        return setting_name(self.regularizer, self.strength)

    @property
    def training(self) -> TrainingConfig:
        """The recipe of this setting, in which all but L2 itself come with a mild L2 (Table 1)."""
        recipe = {item.name: getattr(self.recipe, item.name) for item in fields(Recipe)}
        if self.regularizer == UNTRAINED:
            return TrainingConfig(**recipe | {"max_epochs": 0})
        own: dict[str, Any] = {"l2": MILD_L2, "l1": 0.0, "dropout": 0.0}
        if self.regularizer in own:
            own |= {self.regularizer: self.strength}
        else:
            own |= {"penalty": self.regularizer, "penalty_strength": self.strength}
        return TrainingConfig(**recipe | own)

    def __post_init__(self) -> None:
        super().__post_init__()
        try:
            _ = self.training  # a strength that its regulariser refuses is refused here, by name
        except ValueError as error:
            if not str(error).startswith(f"{self.regularizer} must"):
                raise
            raise ValueError(
                f"strength of {error}"  # "dropout must be a number between 0 and 0.99. Got 1.5."
            ) from error
