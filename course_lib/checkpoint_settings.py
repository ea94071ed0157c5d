"""What no tensor tells: the settings that lie beside published weights, in a checkpoint's `config.json`.

The same matrices are another model under another epsilon, another activation, stretched positions or a window of
attention: they load without an error, and every logit is wrong. So whoever reads weights reads their settings, too:

    config = json.loads(Path("config.json").read_text())    # or config = model.config.to_dict()

A setting that is missing has the value that `transformers` gives it.
"""

from collections.abc import Mapping
from typing import Any

Settings = Mapping[str, Any]


def setting(config: Settings | None, theirs: str, given: Any, ours: str, default: Any = None) -> Any:
    """Return a value that the caller gives, or the checkpoint's settings, or that has a default.

    config   the checkpoint's settings; None: there are none
    theirs   its name there
    given    what the caller said; None: nothing
    ours     the name of the argument by which it could be said
    default  where neither says anything; None: one of them must

    Raises ValueError when caller and settings disagree, and when nobody says it.
    """
    said = None if config is None else config.get(theirs)
    if given is not None and said is not None and given != said:
        raise ValueError(f"{ours} must be {said} as in config[{theirs!r}], got {given}")
    value = next((value for value in (given, said, default) if value is not None), None)
    if value is None:
        raise ValueError(f"{ours} must be given, or a config with {theirs!r}: no tensor tells it")
    return value


def require_settings(config: Settings | None, implemented: Mapping[str, tuple[Any, ...]]) -> None:
    """Raise ValueError where the settings ask for what the course's model does not have.

    config       the checkpoint's settings; None: nothing is known, and nothing refused
    implemented  the values that can be read, by the names of the settings; what is missing is one of them
    """
    for name, values in implemented.items():
        if config is not None and name in config and config[name] not in values:
            readable = " or ".join(repr(value) for value in values)
            raise ValueError(f"config[{name!r}] must be {readable}, which is all this model has, got {config[name]!r}")


def require_sizes(config: Settings | None, **sizes: int) -> None:
    """Raise ValueError when a size that was read off the tensors is not the one in the settings.

    config  the checkpoint's settings; None: there is nothing to compare with
    sizes   as the tensors have them, by the names of the settings
    """
    for name, size in sizes.items():
        said = (config or {}).get(name)
        if said is not None and said != size:
            raise ValueError(f"config[{name!r}] must be {size} as in state_dict, got {said}")
