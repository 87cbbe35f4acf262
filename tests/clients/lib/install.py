"""install.py -- puts each client where its agent finds it, by its own package manager, from its manifest.

Everything goes below one folder (a part of the build's); a stamp with the manifest's digest says what is there.
"""
import hashlib
import os
import pathlib
import shutil
import subprocess

HERE = pathlib.Path(__file__).resolve().parent.parent


class Missing(Exception):
    """The client cannot be had here: it is skipped, by name and with this reason."""


def need(command, package):
    """The path of a command; the Debian package is asked for if there is none and we are root."""
    found = shutil.which(command)
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for words in (["update", "-q"], ["install", "-y", "-q", "--no-install-recommends", package]):
            subprocess.run(["apt-get", *words], env=environment, capture_output=True, check=False)
        found = shutil.which(command)
    if found is None:
        raise Missing(f"no {command} (Debian: {package})")
    return found


def run(*command, cwd=None, environment=None):
    done = subprocess.run(command, cwd=cwd, env=environment, text=True, capture_output=True)
    if done.returncode:
        last = (done.stdout + done.stderr).strip().splitlines()[-6:]
        raise Missing(f"{' '.join(map(str, command[:3]))} failed: {' | '.join(last)}")
    return done.stdout


def once(target, manifests, make):
    """Makes target anew unless it was made from these very files."""
    digest = hashlib.sha256(b"".join(f.read_bytes() for f in manifests)).hexdigest()
    stamp = target / "made-from"
    if not stamp.exists() or stamp.read_text() != digest:
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        make(target)
        stamp.write_text(digest)
    return target


def kcat(folder):
    need("kcat", "kcat")
    return ["python3", str(HERE / "kcat" / "agent.py")]


def python(client):
    """A client from PyPI, in an environment of its own."""
    def install(folder):
        manifest = HERE / client / "requirements.txt"

        def make(target):
            try:
                run("python3", "-c", "import ensurepip, venv")
            except Missing:
                need("a python3 with ensurepip", "python3-venv")
            run("python3", "-m", "venv", str(target / "venv"))
            run(str(target / "venv/bin/pip"), "install", "-q", "--only-binary", ":all:",
                "-r", str(manifest))

        home = once(folder / client, [manifest], make)
        return [str(home / "venv/bin/python"), str(HERE / client / "agent.py")]
    return install


def franz(folder):
    sources = sorted((HERE / "franz").glob("*.go")) + [HERE / "franz/go.mod", HERE / "franz/go.sum"]

    def make(target):
        go = need("go", "golang-go")
        run(go, "build", "-mod=readonly", "-o", str(target / "agent"), ".", cwd=HERE / "franz")

    return [str(once(folder / "franz", sources, make) / "agent")]


def java(folder):
    """The jars that pom.xml names, and our classes compiled against them."""
    pom = HERE / "java/pom.xml"
    sources = sorted((HERE / "java").glob("*.java"))
    need("javac", "openjdk-17-jdk-headless")

    def fetch(target):
        mvn = need("mvn", "maven")
        run(mvn, "-q", "-B", "-f", str(pom), "dependency:copy-dependencies",
            "-DincludeScope=runtime", f"-DoutputDirectory={target}")

    jars = once(folder / "jars", [pom], fetch)

    def compile_all(target):
        run("javac", "-Xlint:all,-classfile,-processing", "-Werror", "-d", str(target),
            "-cp", f"{jars}/*", *map(str, sources))

    classes = once(folder / "classes", [pom, *sources], compile_all)
    return ["java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto", "-Xmx256M",
            f"-Dlog4j2.configurationFile={HERE / 'java/log4j2.properties'}",
            "-cp", f"{classes}:{jars}/*"]


def kafkajs(folder):
    manifest = HERE / "kafkajs/package.json"

    def make(target):
        npm, node = need("npm", "npm"), need("node", "nodejs")
        shutil.copy(manifest, target / "package.json")
        run(npm, "install", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts",
            cwd=target)

    home = once(folder / "kafkajs", [manifest], make)
    return ["env", f"NODE_PATH={home / 'node_modules'}", "node", str(HERE / "kafkajs/agent.js")]
