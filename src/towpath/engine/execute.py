"""Runs one Pulumi program in this process, as the official executor does."""

import asyncio
import logging
import os
import runpy
import sys
import traceback
from types import TracebackType
from typing import Final

import grpc
import pulumi
import pulumi.runtime

from towpath.engine.program import Job

BAIL: Final = 32


def execute(job: Job) -> int:
    """Run the program in this process. Its error, if any, was reported to the engine when the result is `BAIL`."""
    os.chdir(job.folder)
    sys.argv = [job.program, *job.arguments]
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # the SDK reports tasks that an error left behind itself
    pulumi.runtime.configure(_settings(job))
    pulumi.runtime.set_all_config(job.config, list(job.secret_keys))
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        loop.run_until_complete(pulumi.runtime.run_in_stack(lambda: _run(job.program)))
    except SystemExit as ended:
        return _exit_code(ended)
    except pulumi.RunError as error:
        pulumi.log.error(str(error))
        return BAIL
    except Exception as error:  # noqa: BLE001 - whatever the user's program raised is shown to its author
        return _report(error)
    return 0


def _run(program: str) -> None:
    runpy.run_path(program, run_name="__main__")


def _settings(job: Job) -> pulumi.runtime.Settings:
    return pulumi.runtime.Settings(
        project=job.project,
        stack=job.stack,
        monitor=job.monitor,
        engine=job.engine,
        parallel=job.parallel,
        dry_run=job.dry_run,
        organization=job.organization,
        root_directory=job.root,
    )


def _exit_code(ended: SystemExit) -> int:
    if ended.code is None or isinstance(ended.code, int):
        return ended.code or 0
    sys.stderr.write(f"{ended.code}\n")
    return 1


def _report(error: Exception) -> int:
    gone = isinstance(error, grpc.RpcError) and error.code() == grpc.StatusCode.UNAVAILABLE
    if not gone:  # an engine that is shutting down says itself why
        shown = "".join(traceback.format_exception(error.with_traceback(_own(error))))
        pulumi.log.error(f"Program failed with an unhandled exception:\n{shown}")
    return BAIL


def _own(error: Exception) -> TracebackType | None:
    """The part of the traceback that is the user's: from the program's file on."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_globals.get("__name__") != "__main__":
        trace = trace.tb_next
    return trace or error.__traceback__
