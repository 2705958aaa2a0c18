"""Runs the program quickstep."""

import json
import os
import subprocess


class EngineFailed(Exception):
    """With the program's own words."""


class Engine:
    def __init__(self, program, device=None):
        self.program = program
        self.device = [f"--device={device}"] if device else []

    def run(self, *arguments, **environment):
        """Standard output. Keywords are variables of the environment."""
        done = subprocess.run([self.program, *arguments, *self.device], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              env=os.environ | environment)
        if done.returncode:
            command = " ".join(map(str, arguments))
            raise EngineFailed(f"quickstep {command}: status {done.returncode}: {done.stderr.strip()[-500:]}")
        return done.stdout

    def json(self, *arguments):
        return json.loads(self.run(*arguments, "--json"))
