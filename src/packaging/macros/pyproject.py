# What %pyproject_save_files and %pyproject_check_import do, for the wheels that %pyproject_install has installed:
# `files LIST ROOT FOLDER GLOB... [+auto]`, `import LIST`.
import csv
import fnmatch
import glob
import importlib
import os
import sys


def files(out, root, folder, names):
    tag = sys.implementation.cache_tag
    auto = "+auto" in names
    names = [name for name in names if name != "+auto" and not name.startswith("-")]
    lines, modules, used = set(), set(), set()

    def folders(path):
        while path != folder:
            lines.add("%dir " + path)
            path = os.path.dirname(path)

    for record in sorted(glob.glob(root + folder + "/*.dist-info/RECORD")):
        with open(record, newline="", encoding="utf-8") as file:
            rows = [row[0] for row in csv.reader(file) if row]
        for row in rows:
            path = os.path.normpath(os.path.join(folder, row))
            if path.startswith(root + "/"):
                path = path[len(root) :]
            if not os.path.lexists(root + path):
                continue
            if not path.startswith(folder + "/"):
                if auto:
                    # Manual pages are compressed after this.
                    lines.add(path + ("*" if "/man/man" in path else ""))
                continue
            inside = path[len(folder) + 1 :]
            top = inside.split("/")[0]
            base = os.path.basename(path)
            if top.endswith((".dist-info", ".data")):
                is_licence = base.upper().startswith(("LICENSE", "LICENCE", "COPYING", "NOTICE"))
                lines.add(("%license " if is_licence else "") + path)
                folders(os.path.dirname(path))
                continue
            fits = [name for name in names if fnmatch.fnmatchcase(top.split(".")[0], name.split(".")[0])]
            if not fits:
                continue
            used.update(fits)
            lines.add(path)
            parent = os.path.dirname(path)
            folders(parent)
            if base.endswith(".py"):
                cache = parent + "/__pycache__"
                if parent != folder:
                    lines.add("%dir " + cache)
                for kind in ("", ".opt-1"):
                    lines.add("%s/%s.%s%s.pyc" % (cache, base[:-3], tag, kind))
                name = inside[:-3].replace("/", ".")
                modules.add(name[: -len(".__init__")] if name.endswith(".__init__") else name)
    unused = [name for name in names if name not in used]
    if unused:
        sys.exit("farm: %pyproject_save_files: nothing that was installed is called " + " or ".join(unused))
    with open(out, "w", encoding="utf-8") as file:
        file.writelines(line + "\n" for line in sorted(lines))
    with open(out + ".modules", "w", encoding="utf-8") as file:
        file.writelines(name + "\n" for name in sorted(modules))


def check(out, names):
    skipped = [name for name in names if name != "-e"]
    with open(out + ".modules", encoding="utf-8") as file:
        for name in file.read().split():
            is_private = any(part.startswith("_") and part != "__init__" for part in name.split("."))
            if not is_private and not any(fnmatch.fnmatchcase(name, skip) for skip in skipped):
                sys.path.insert(0, os.getcwd())
                importlib.import_module(name)


if sys.argv[1] == "files":
    files(sys.argv[2], sys.argv[3], sys.argv[4], sys.argv[5:])
else:
    check(sys.argv[2], sys.argv[3:])
