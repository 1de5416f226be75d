"""What keys mean, where the model that parses them doesn't say. Kept complete by a test, and free of leftovers."""

from typing import Final

MEANINGS: Final = {
    ("deploy.toml", "state"): "where the state is",
    ("deploy.toml", "models"): "models by name: small letters, digits and dashes, at most 40, a letter first",
    ("deploy.toml", "environments"): "environments by name, in the order of the road; each is the stack of that name",
    ("StateTable", "url"): "a folder, relative to this file or absolute; keep it out of Git",
    ("ModelTable", "path"): "the model's folder, relative to this file",
    ("ModelTable", "data"): "what it was trained on, below its folder; its hash goes into the record",
    ("ModelTable", "train"): "command that trains it, run in its folder by `deploy build --train`",
    ("ModelTable", "test"): "command that tests it, run in its folder by every `deploy build`",
    ("ModelTable", "image"): "how its image is made",
    ("LayersImage", "builder"): "assembled from base, locked wheels, weights, kit and code; needs no Docker",
    ("LayersImage", "platform"): "what the container runs on: `linux/amd64` or `linux/arm64`",
    (
        "LayersImage",
        "base",
    ): "an alias that `deploy setup` resolved, a folder with an OCI layout, or an image by digest",
    ("LayersImage", "python"): "Python of the base; wheels are chosen for it",
    ("LayersImage", "requirements"): "locked requirements, every line `name==version`",
    ("LayersImage", "code"): "files and folders of your code, below the model's folder",
    ("LayersImage", "weights"): "files and folders that training wrote",
    ("LayersImage", "command"): "the class that is served, as `module:Class`",
    ("LayersImage", "env"): "variables of the image; never secrets, whoever may pull it can read them",
    ("DockerfileImage", "builder"): "made by the Docker daemon from your own Dockerfile",
    ("DockerfileImage", "platform"): "what the container runs on",
    ("DockerfileImage", "dockerfile"): "below the model's folder",
    ("DockerfileImage", "context"): "folder that is sent to the daemon, below the model's folder",
    ("ExistingImage", "builder"): "an image that somebody else built",
    ("ExistingImage", "platform"): "what the container runs on",
    ("ExistingImage", "image"): "`repository@sha256:…`; a tag is refused, because it can move",
    (
        "EnvironmentTable",
        "promotes_from",
    ): "the environment before: only what it runs may come here; absent for the first",
    ("EnvironmentTable", "protected"): (
        "takes only releases built from a committed tree, asks on a terminal, is destroyed only when named twice; "
        "absent: true for the last environment of a chain"
    ),
    ("EnvironmentTable", "canary"): "absent: candidate ready, then all traffic at once",
    ("CanaryTable", "strategy"): "growing shares, or one step of 100 - holdback",
    ("CanaryTable", "traffic"): "percent of requests the candidate gets, step by step",
    (
        "CanaryTable",
        "holdback",
    ): "percent that stable keeps in the last step, so that there is something to compare with",
    ("CanaryTable", "poll"): "between two looks at the counters",
    ("CanaryTable", "soak"): (
        "that the last step lasts at least, with all traffic but the holdback on the candidate, before stable is taken "
        "away; `0s`: as long as any other"
    ),
    ("CanaryTable", "min_time"): "before a promotion is judged; the steps up to 50 % share it",
    ("CanaryTable", "max_time"): "after which the canary is inconclusive",
    ("CanaryTable", "min_polls"): "looks with data that each step needs",
    ("CanaryTable", "min_requests"): "answers of the candidate that each step needs; no data is never a pass",
    ("CanaryTable", "alpha"): "chance of rolling back a candidate that is within all margins, over the whole canary",
    ("CanaryTable", "beta"): "chance of promoting a candidate that is beyond a margin",
    ("CanaryTable", "warm_up"): "in which channels that suffer from a cold start don't count",
    ("CanaryTable", "dispersion"): "requests that fail or succeed together, as of clients that batch or stick",
    ("CanaryTable", "max_gap"): "longest time without a usable look; then the candidate loses its traffic",
    (
        "CanaryTable",
        "on_inconclusive",
    ): "how an inconclusive canary ends, once stable serves again: `ask` with exit code 6, `rollback` with 5",
    ("CanaryTable", "margins"): "how much worse a candidate may be",
    ("CanaryTable", "probes"): "absent: no probes",
    ("CanaryTable", "drift"): "what follows when users' requests aren't what they were; the kit counts them",
    ("DriftTable", "psi"): "up to so much (population stability index) a feature of the requests hasn't changed",
    ("DriftTable", "action"): "hold the canary while they have, or only tell",
    ("CanaryTable", "metric"): "metrics of your own; alpha is split over them too",
    ("OwnMetricTable", "name"): "of the metric, at most 40 small letters, digits and `_`; it is what verdicts say",
    ("OwnMetricTable", "events"): (
        'counter on `/metrics` of every replica, with labels where needed: `answers_total{kind="fallback"}`'
    ),
    ("OwnMetricTable", "cases"): "counter of all cases, of which events are some",
    ("OwnMetricTable", "histogram"): "instead of both: a histogram on `/metrics`, without `_bucket`",
    ("OwnMetricTable", "above"): "events are what is above this; a bucket must end at exactly it",
    ("OwnMetricTable", "promql"): "instead of all these: queries to a Prometheus",
    ("OwnMetricTable", "worse"): "whether more events are worse, or fewer",
    ("OwnMetricTable", "rollback"): (
        "up to here nothing counts against the candidate: a share of all cases, or "
        "`{ratio = 1.1, plus = 0.0005}`, which it is when absent"
    ),
    ("OwnMetricTable", "promote"): (
        "it must be shown to be better than this: a share of all cases, or `{ratio = 1.5, plus = 0.002}`, which it is "
        "when absent; both at least `rollback`'s"
    ),
    ("OwnMetricTable", "depends_on_load"): (
        "`true`: a replica with more requests has more of it, such as time in a queue; then it counts only where both "
        "releases have about the same load, as latency does"
    ),
    ("OwnMetricTable", "model"): "the only model that is judged on it; absent: every model of the environment",
    ("OwnMetricTable", "without_probes"): (
        "`true`: neither events nor cases count requests with the header `x-towpath-arm`, which are probes; with "
        "`probes` every metric must say so"
    ),
    ("OwnMarginTable", "ratio"): "times stable's share; where fewer are worse, stable's share divided by it",
    ("OwnMarginTable", "plus"): "and so much more, as a share of cases; where fewer are worse, so much less",
    ("PromqlTable", "url"): "of the server, without `/api/v1/query`; no user or password in it",
    ("PromqlTable", "events"): "answers counters that only grow; a line per replica, or a sum",
    ("PromqlTable", "cases"): "the same of all cases",
    ("PromqlTable", "token_env"): "name of the variable of `deploy` that holds a bearer token; absent: none is sent",
    ("ProbesTable", "rate"): "requests a second to each arm",
    ("MarginsTable", "errors"): "of the share of requests that fail with 5xx, a reset or a timeout",
    (
        "ErrorMarginsTable",
        "rollback",
    ): "up to here nothing counts against the candidate; absent: `{ratio = 1.1, plus = 0.0005}`",
    ("ErrorMarginsTable", "promote"): "it must be shown to be better than this; absent: `{ratio = 1.5, plus = 0.002}`",
    (
        "CanaryTable",
        "metrics",
    ): "what Towpath itself judges, `errors` among them; alpha is split equally over these and your own",
    ("MarginsTable", "latency"): "of how slow answers are, seen by the router",
    ("MarginsTable", "predictions"): "of what is predicted, counted by the serving kit",
    (
        "LatencyMarginsTable",
        "rollback",
    ): "up to so much slower nothing counts against the candidate; absent: `{slower = 0.05, plus_ms = 1}`",
    (
        "LatencyMarginsTable",
        "promote",
    ): "it must be shown to be faster than this; absent: `{slower = 0.2, plus_ms = 2}`",
    ("SlowerTable", "slower"): "share of stable's latency",
    ("SlowerTable", "plus_ms"): "and so many milliseconds more, which a router that counts whole ones can't tell",
    (
        "PredictionMarginsTable",
        "rollback",
    ): "share of all predictions that may move across a cut or into a class; absent: 0.02",
    ("PredictionMarginsTable", "promote"): "it must be shown that fewer moved than this; absent: 0.05",
    ("MarginTable", "ratio"): "times stable's rate",
    ("MarginTable", "plus"): "and so much more, as a share of requests",
}

OUTPUTS: Final = {
    "drawn": "hash of what was drawn; the driver compares it before every effect",
    "promotions": "number of the promotion that was drawn last, by endpoint; a file with a lower one is refused",
    "endpoints": "by name: URL, promotion, and per arm its release, identity, router clusters, replicas and traffic",
    "routers": "per router: its name, the URL for requests, the URL of its counters",
    "instance": "id of the installation",
    "registry": "host:port that images are pushed to and pulled from",
    "network": "Docker's name of the shared network",
    "routerImage": "what routers run",
    "dockerHost": "address of the Docker daemon; empty for the default one",
    "provider": "what drew the platform: docker",
}

WHO_SETS: Final = {
    "TOWPATH_MODEL": "`model`",
    "TOWPATH_HOST": "`0.0.0.0`",
    "TOWPATH_PORT": "the endpoint's `port`",
    "TOWPATH_WEIGHTS": "`weights`",
    "TOWPATH_LOG_LEVEL": "`INFO`",
    "TOWPATH_RELEASE": "the release",
    "TOWPATH_COUNT_INPUTS": "`1`",
    "TOWPATH_SAMPLE": "`0`",
}

KIT: Final = {
    "TOWPATH_MODEL": "the model's name in the URL",
    "TOWPATH_HOST": "address it listens on",
    "TOWPATH_PORT": "port it listens on",
    "TOWPATH_WEIGHTS": "folder that `load` is given",
    "TOWPATH_THREADS": "predictions at the same time; a model with an `async` predict gets all that are let in at once",
    "TOWPATH_QUEUE": "requests that may be under way beyond `TOWPATH_THREADS`; more get 503",
    "TOWPATH_MAX_BODY": "bytes of the longest request",
    "TOWPATH_DRAIN": "seconds that requests under way get after SIGTERM; the program sets it from `timeouts.drain`",
    "TOWPATH_LINGER": "seconds after SIGTERM in which new requests are still taken; the program sets it",
    "TOWPATH_LOG_LEVEL": "DEBUG, INFO, WARNING or ERROR",
    "TOWPATH_ACCESS_LOG": "`1`: a log line per request",
    "TOWPATH_RELEASE": "the release that `/provenance` tells; the program sets it",
    "TOWPATH_COMMIT": "the commit that `/provenance` tells; set from what the registry holds beside the image",
    "TOWPATH_DATA": "the hash of training data that `/provenance` tells; set likewise",
    "TOWPATH_METRICS": "the metrics that `/provenance` tells, a JSON object; set likewise",
    "TOWPATH_COUNT_INPUTS": "`0`: inputs aren't counted, whatever `reference.json` names",
    "TOWPATH_SAMPLE": "share of the requests to `infer` that go into the log of predictions, from 0 to 1",
    "TOWPATH_SAMPLE_WITHOUT": "tensors and features that stay out of that log, with commas between; `*`: all inputs",
}
