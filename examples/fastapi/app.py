"""A model behind a FastAPI application of its own: nothing of Towpath is in this image."""

import json
import math
from pathlib import Path

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field

CENTROIDS: dict[str, list[float]] = json.loads(Path(__file__).with_name("centroids.json").read_text(encoding="utf-8"))

app = FastAPI(title="iris")


class Flower(BaseModel):
    """Measurements of one iris, in centimetres."""

    model_config = ConfigDict(extra="forbid")

    sepal_length: float = Field(gt=0)
    sepal_width: float = Field(gt=0)
    petal_length: float = Field(gt=0)
    petal_width: float = Field(gt=0)


class Answer(BaseModel):
    """The species whose mean flower is nearest, and how far it is."""

    species: str
    distance: float


@app.get("/healthz")
def healthz() -> dict[str, str]:
    """Ready as soon as it answers: the model is in the code."""
    return {"status": "ok"}


@app.post("/predict")
def predict(flower: Flower) -> Answer:
    """Nearest centroid."""
    point = (flower.sepal_length, flower.sepal_width, flower.petal_length, flower.petal_width)
    distances = {species: math.dist(point, centroid) for species, centroid in CENTROIDS.items()}
    species = min(distances, key=distances.__getitem__)
    return Answer(species=species, distance=round(distances[species], 6))
