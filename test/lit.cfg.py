# Tests that are text: IR through quipu-opt and FileCheck, and command lines of
# the tools. A file's RUN lines say how; tests mirror the tree they test.

import os
import platform
import shutil
import subprocess

import lit.formats

config.name = "quipu"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.quipu_binary_root, "test")

# The tools under test come before any that happen to be installed.
tools = os.path.join(config.quipu_binary_root, "tools")
config.environment["PATH"] = os.pathsep.join(
    [
        os.path.join(tools, "quipu-opt"),
        os.path.join(tools, "quipu"),
        os.path.join(tools, "quipu-lsp-server"),
        config.llvm_tools,
        os.environ["PATH"],
    ]
)

# Nothing is read from or left in the home of whoever runs the tests.
config.environment["XDG_CACHE_HOME"] = os.path.join(
    config.test_exec_root, "cache"
)

# %models: the small random models; %goldens: what they answer.
config.substitutions += [
    ("%models", os.path.join(config.test_source_root, "e2e", "models")),
    ("%quantized", os.path.join(config.test_source_root, "e2e", "quantized")),
    ("%goldens", os.path.join(config.test_source_root, "e2e", "goldens")),
]

# `REQUIRES: smollm2` for tests of the real model, which scripts/test provides.
model = os.environ.get("QUIPU_TEST_MODEL")
if model:
    config.available_features.add("smollm2")
    config.substitutions.append(("%smollm2", model))

# `REQUIRES: avx2`, `avx512f`, ... for what runs generated code.
if platform.system() == "Linux" and platform.machine() == "x86_64":
    with open("/proc/cpuinfo") as cpuinfo:
        flags = next((l for l in cpuinfo if l.startswith("flags")), ":")
    config.available_features.update(flags.split(":")[1].split())

# `REQUIRES: ptxas-13` for what depends on the registers that it gives.
if shutil.which("ptxas"):
    version = subprocess.run(
        ["ptxas", "--version"], capture_output=True, text=True
    ).stdout
    release = version.partition("release ")[2].partition(".")[0]
    config.available_features.add(f"ptxas-{release}")

# `REQUIRES: chroot` for runs with nothing else in reach: %chroot ROOT COMMAND.
for chroot in ["chroot", "unshare -r chroot"]:
    if shutil.which(chroot.split()[0]) and not subprocess.run(
        f"{chroot} / true", shell=True, capture_output=True
    ).returncode:
        config.available_features.add("chroot")
        config.substitutions.append(("%chroot", chroot))
        break
