"""`deploy init`: write a project that works, or say everything that is in the way and write nothing."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath

from towpath.app.init_ports import Packages, ProjectFolder, Scaffold, UserFiles
from towpath.core.errors import UsageError, all_at_once
from towpath.core.pickles import imported_modules, is_compressed, is_pickle, pickled_modules
from towpath.core.release import parse_image
from towpath.core.scaffold import Start, checked_name, name_from, project_files, with_ignored

PICKLES = (".pkl", ".pickle", ".joblib")
GITIGNORE = ".gitignore"
EXAMPLE = "breast-cancer"
_EXAMPLE_CODE = ["model.py", "features.py", "faults.py", "faults.toml"]
_DRAW = (
    'eval "$(deploy shellenv)"',
    "for s in platform dev staging prod; do pulumi stack init $s && pulumi up --yes --stack $s; done",
)
_COMMIT = ("git add .", "git commit -m 'Describe the pipeline'")


@dataclass(frozen=True, kw_only=True, slots=True)
class FromPickle:
    """A pickled model, and the file with `predict(model, inputs)`; without one the model's own `predict` is asked."""

    model: str
    predict: str = ""
    requirements: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class FromDockerfile:
    """A folder of the project with a Dockerfile, whose container answers HTTP on `port`, and 200 on `ready`."""

    folder: str
    port: int = 8080
    ready: str = "/"


@dataclass(frozen=True, kw_only=True, slots=True)
class FromImage:
    """An image by digest, whose container answers HTTP on `port`, and 200 on `ready`."""

    image: str
    port: int = 8080
    ready: str = "/"


@dataclass(frozen=True, kw_only=True, slots=True)
class FromExample:
    """The model that trains in seconds on data inside a package."""


Source = FromPickle | FromDockerfile | FromImage | FromExample


@dataclass(frozen=True, kw_only=True, slots=True)
class InitRequest:
    """What the user asked for; an empty name is made from the source's."""

    source: Source
    name: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class InitServices:
    """The world, through ports."""

    project: ProjectFolder
    files: UserFiles
    scaffold: Scaffold
    packages: Packages


@dataclass(frozen=True, kw_only=True, slots=True)
class Initialised:
    """What was written.

    Attributes:
        written: paths within the project, sorted.
        kept: files that were there already, just as they would have been written.
        remarks: what the user should know.
        next: commands that come next.
    """

    written: tuple[str, ...]
    kept: tuple[str, ...]
    remarks: tuple[str, ...]
    next: tuple[str, ...]


def init(services: InitServices, request: InitRequest) -> Initialised:
    """Write the project's files; files that are there are never changed, .gitignore only added to.

    Raises:
        UsageError: files are in the way, all of them named; nothing was written.
    """
    start = _start(services, request)
    project = name_from(services.project.name)
    wanted = project_files(project, start, services.scaffold.templates(), services.scaffold.program())
    there = {path: content for path in wanted if (content := services.project.read(path)) is not None}
    _refuse_conflicts(services.project, wanted, there)
    ignored = services.project.read(GITIGNORE)
    merged = with_ignored(ignored or b"")
    new = {path: content for path, content in wanted.items() if path not in there}
    new |= {GITIGNORE: merged} if ignored is None else {}
    changed = {} if ignored in (None, merged) else {GITIGNORE: merged}
    services.project.create(new, changed)
    return Initialised(
        written=tuple(sorted({*new, *changed})),
        kept=tuple(sorted(there)),
        remarks=start.remarks,
        next=("deploy setup", *_DRAW, *_COMMIT, start.build, "deploy promote --to dev"),
    )


def _refuse_conflicts(project: ProjectFolder, wanted: Mapping[str, bytes], there: Mapping[str, bytes]) -> None:
    out = {path: link for path in (*wanted, GITIGNORE) if (link := project.link_out(path))}
    problems = [f"{link} is a link that leads outside of the project" for link in sorted({*out.values()})]
    differing = [path for path in sorted(there) if path not in out and there[path] != wanted[path]]
    problems += [f"{path} is there already and differs" for path in differing]
    if problems:
        raise all_at_once("deploy init", problems, "nothing was written; move them away, or use --in another folder")


def _start(services: InitServices, request: InitRequest) -> Start:
    match request.source:
        case FromPickle() as pickle:
            return _from_pickle(services, pickle, request.name)
        case FromDockerfile() as dockerfile:
            return _from_dockerfile(services, dockerfile, request.name)
        case FromImage() as image:
            return _from_image(image, request.name)
        case FromExample():
            return _from_example(services, request.name)


def _from_pickle(services: InitServices, source: FromPickle, name: str) -> Start:
    file = PurePath(source.model)
    if file.suffix not in PICKLES:
        raise UsageError(f"{source.model} isn't called like a pickle", f"its name ends in {', '.join(PICKLES)}")
    with services.files.open(source.model) as stream:
        if not is_pickle(stream):
            raise UsageError(
                f"{source.model} is no pickle, or only a part of one", "pickle.dump or joblib.dump writes one"
            )
    model = checked_name(name or name_from(file.stem))
    folder = f"models/{model}"
    predict = services.files.read(source.predict) if source.predict else None
    lock, remarks = _requirements(services, source, predict)
    files = {f"{folder}/weights/{file.name}": services.files.read(source.model), f"{folder}/requirements.txt": lock}
    if predict is not None:
        files[f"{folder}/predict.py"] = predict
    return Start(
        model=model,
        path=folder,
        image_keys=(
            'builder = "layers"',
            'requirements = "requirements.txt"',
            *(['code = ["predict.py"]'] if predict is not None else []),
            'weights = ["weights"]',
            'command = "towpath.serving.pickled:PickledModel"',
        ),
        files=files,
        remarks=(f"{file.name} runs code when it is loaded: promote only pickles whose origin you trust", *remarks),
    )


def _requirements(services: InitServices, source: FromPickle, predict: bytes | None) -> tuple[bytes, tuple[str, ...]]:
    """The lock of a pickle: the user's, else the versions that are installed here."""
    if source.requirements:
        return services.files.read(source.requirements), ()
    with services.files.open(source.model) as file:
        packed = is_compressed(file)
        file.seek(0)
        pickled = ("joblib",) if packed else pickled_modules(file)
    modules = {*pickled, *imported_modules((predict or b"").decode(errors="replace"))}
    pins, missing = services.packages.pins(sorted(modules))
    text = "".join(f"{pin}\n" for pin in pins)
    remarks = [f"requirements.txt pins what is installed here: {', '.join(pins) or 'nothing'}"]
    if packed:
        remarks.append(f"{source.model} is compressed, so what it needs can't be read: add its packages, pinned")
    if missing:
        remarks.append(
            f"nothing installed here provides {', '.join(missing)}: add what does to requirements.txt, "
            "pinned to the versions the model was pickled with"
        )
    return text.encode(), tuple(remarks)


def _from_dockerfile(services: InitServices, source: FromDockerfile, name: str) -> Start:
    path = services.project.within(source.folder)
    if path is None:
        raise UsageError(f"{source.folder} is outside the project", "the Dockerfile's folder belongs into the project")
    if services.project.read(f"{path}/Dockerfile") is None:
        raise UsageError(f"there is no Dockerfile in {source.folder}", "name the folder that has it")
    return Start(
        model=checked_name(name or name_from(PurePath(path).name or services.project.name)),
        path=path,
        image_keys=('builder = "dockerfile"',),
        port=source.port,
        ready=source.ready,
        files={},
    )


def _from_image(source: FromImage, name: str) -> Start:
    image = parse_image(source.image)
    model = checked_name(name or name_from(image.path.rpartition("/")[2]))
    readme = f"# {model}\n\nServed from `{image}`.\n"
    return Start(
        model=model,
        path=f"models/{model}",
        image_keys=('builder = "image"', f'image = "{image}"'),
        port=source.port,
        ready=source.ready,
        files={f"models/{model}/README.md": readme.encode()},
    )


def _from_example(services: InitServices, name: str) -> Start:
    model = checked_name(name or EXAMPLE)
    folder = f"models/{model}"
    files = services.scaffold.example()
    return Start(
        model=model,
        path=folder,
        model_keys=('train = "python train.py"', 'test = "python -m pytest -q tests"'),
        image_keys=(
            'builder = "layers"',
            'requirements = "requirements.txt"',
            f"code = {json.dumps(_EXAMPLE_CODE)}",
            'weights = ["weights"]',
            'command = "model:BreastCancer"',
        ),
        files={f"{folder}/{path}": content for path, content in files.items()},
        remarks=("the example needs scikit-learn to train: pip install -r " + f"{folder}/requirements.txt",),
        build="deploy build --train",
    )
