"""Conan 2 recipe of this source tree: `conan create packaging/conan`. packaging/README.md says what was tried."""

import os
import re

from conan import ConanFile
from conan.errors import ConanInvalidConfiguration
from conan.tools.build import check_min_cppstd
from conan.tools.cmake import CMake, CMakeDeps, CMakeToolchain, cmake_layout
from conan.tools.files import copy, load
from conan.tools.system.package_manager import Apt

required_conan_version = ">=2.0"

# option: (Conan's package, is it in our headers, Debian's packages)
NEEDS = {
    "sqlite": ("sqlite3/[>=3.38 <4]", False, ["libsqlite3-dev"]),
    "postgres": ("libpq/[>=14 <19]", False, ["libpq-dev"]),
    "mysql": ("mariadb-connector-c/[>=3.3 <4]", False, ["libmariadb-dev"]),
    "zones": ("date/[>=3 <4]", False, ["libhowardhinnant-date-dev", "tzdata"]),
}
ALWAYS = ("nlohmann_json/[>=3.11 <4]", True, ["nlohmann-json3-dev"])


class SqlqConan(ConanFile):
    name = "sqlq"
    description = "Persistent background jobs in your own SQL database"
    license = "MIT"
    topics = ("jobs", "queue", "workers", "sqlite", "postgresql", "mysql")
    package_type = "library"
    settings = "os", "arch", "compiler", "build_type"
    options = {
        "shared": [True, False],
        "fPIC": [True, False],
        "sqlite": [True, False],
        "postgres": [True, False],
        "mysql": [True, False],
        "zones": [True, False],  # time zones of schedules; without them only UTC
        "program": [True, False],  # the program sqlq
        "system": [True, False],  # the client libraries are Debian's packages, not Conan's
    }
    default_options = {
        "shared": False,
        "fPIC": True,
        "sqlite": True,
        "postgres": False,
        "mysql": False,
        "zones": True,
        "program": False,
        "system": False,
    }
    implements = ["auto_shared_fpic"]

    def set_version(self):
        header = load(self, os.path.join(self._tree(), "include", "sqlq", "version.hpp"))
        self.version = re.search(r'SQLQ_VERSION_STRING "([0-9.]+)"', header).group(1)

    def export_sources(self):
        for folder in ("backends", "cmake", "docs", "examples", "include", "schema", "src", "tools"):
            copy(self, folder + "/*", src=self._tree(), dst=self.export_sources_folder)
        for file in ("CMakeLists.txt", "LICENSE", "README.md", "CHANGELOG.md", "SECURITY.md"):
            copy(self, file, src=self._tree(), dst=self.export_sources_folder)

    def layout(self):
        cmake_layout(self)

    def validate(self):
        check_min_cppstd(self, 20)
        if not (self.options.sqlite or self.options.postgres or self.options.mysql):
            raise ConanInvalidConfiguration("sqlq needs a database: sqlite, postgres or mysql")

    def requirements(self):
        if self.options.system:
            return
        for reference, in_headers, _ in self._needs():
            self.requires(reference, transitive_headers=in_headers)
        if self.options.program:
            self.requires("cli11/[>=2.1 <3]")
            self.requires("fmt/[>=9 <12]")

    def system_requirements(self):
        if self.options.system:
            packages = [package for need in self._needs() for package in need[2]]
            if self.options.program:
                packages += ["libcli11-dev", "libfmt-dev"]
            Apt(self).install(packages, check=True)

    def generate(self):
        toolchain = CMakeToolchain(self)
        for option, variable in (("sqlite", "SQLQ_SQLITE"), ("postgres", "SQLQ_POSTGRES"), ("mysql", "SQLQ_MYSQL"),
                                 ("zones", "SQLQ_ZONES"), ("program", "SQLQ_BUILD_PROGRAM")):
            toolchain.cache_variables[variable] = "ON" if self.options.get_safe(option) else "OFF"
        toolchain.cache_variables["SQLQ_SOCI"] = "OFF"
        toolchain.generate()
        CMakeDeps(self).generate()

    def build(self):
        cmake = CMake(self)
        cmake.configure()
        cmake.build()

    def package(self):
        copy(self, "LICENSE", src=self.source_folder, dst=os.path.join(self.package_folder, "licenses"))
        CMake(self).install()

    def package_info(self):
        # find_package(sqlq COMPONENTS ...) finds the package's own configuration: it knows each choice of backends.
        self.cpp_info.set_property("cmake_find_mode", "none")
        self.cpp_info.builddirs = [os.path.join("lib", "cmake", "sqlq")]
        backends = [name for name in ("sqlite", "postgres", "mysql") if self.options.get_safe(name)]
        self.cpp_info.libs = ["sqlq"] + ["sqlq_" + name for name in backends] + ["sqlq_sql", "sqlq_core"]
        if self.settings.os in ("Linux", "FreeBSD"):
            self.cpp_info.system_libs = ["pthread"]

    def _tree(self):
        return os.path.normpath(os.path.join(self.recipe_folder, "..", ".."))

    def _needs(self):
        return [ALWAYS] + [need for option, need in NEEDS.items() if self.options.get_safe(option)]
