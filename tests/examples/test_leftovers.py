"""What a demo left in a daemon, beside others who use that too; the daemon is one that only pretends."""

import json

import docker

from examples.demo.leftovers import Daemon
from tests.fakes.http_server import Answer, serving

IMAGES = [
    {"Id": "sha256:gone", "RepoTags": None, "RepoDigests": ["localhost:5055/other@sha256:1"]},
    {"Id": "sha256:ours", "RepoTags": ["localhost:6055/model:build-1"], "RepoDigests": None},
]


def test_images_of_its_registry_are_found_beside_one_that_goes_meanwhile() -> None:
    def answers(path: str) -> Answer:
        if path.endswith("/version"):
            return 200, b'{"ApiVersion": "1.41"}'
        if "/images/json" in path:
            return 200, json.dumps(IMAGES).encode()
        if "/volumes" in path:
            return 200, b'{"Volumes": []}'
        if "/containers/json" in path or "/networks" in path:
            return 200, b"[]"
        return 404, b'{"message": "No such image"}'

    with serving(answers) as url:
        client = docker.DockerClient(url.replace("http", "tcp"))
        found = Daemon(client=client, instance="demo").find(6055)
        client.close()
    assert found.images == ("localhost:6055/model:build-1",)
