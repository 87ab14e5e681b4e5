"""The command line as a person uses it, over TLS to the control address."""

import json
import subprocess

from .server import REPOSITORY, binary, clean_environment


def run(server, *arguments, check=True, credentials=None, stdin=None):
    """Runs a subcommand as the root, or with these credentials (access key, secret, token if any)."""
    access_key, secret_key, *token = credentials or (server.access_key, server.secret_key)
    env = clean_environment(
        STRONGROOM_ACCESS_KEY=access_key, STRONGROOM_SECRET_KEY=secret_key, STRONGROOM_SESSION_TOKEN=(token or [None])[0]
    )
    command = [binary(), *map(str, arguments), "--control", server.control(True), "--ca", server.ca]
    done = subprocess.run(command, env=env, input=stdin, capture_output=True, cwd=REPOSITORY, text=True, timeout=120)
    assert not check or done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done


def parsed(server, *arguments, **options):
    """What it says as JSON."""
    return json.loads(run(server, *arguments, "--json", **options).stdout)


def refused(server, *arguments, code, **options):
    """It fails with one line on standard error that names the code, and says nothing else; returns that line."""
    done = run(server, *arguments, check=False, **options)
    assert (done.returncode, done.stdout) == (1, ""), done
    assert code in done.stderr and len(done.stderr.strip().splitlines()) == 1, done.stderr
    return done.stderr
