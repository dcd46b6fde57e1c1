"""The Conan 2 recipe of this tree: conan create packaging/conan"""

import os
import re

from conan import ConanFile
from conan.tools.build import check_min_cppstd
from conan.tools.cmake import CMake, CMakeToolchain, cmake_layout
from conan.tools.files import copy, load


class DistflowConan(ConanFile):
    name = "distflow"
    description = "Processes that find each other by name and exchange JSON messages"
    license = "MIT"
    package_type = "library"
    settings = "os", "arch", "compiler", "build_type"
    options = {"shared": [True, False]}
    default_options = {"shared": False}
    generators = "CMakeDeps"

    @property
    def _root(self):
        return os.path.join(self.recipe_folder, os.pardir, os.pardir)

    def set_version(self):
        header = load(self, os.path.join(self._root, "include/distflow/version.hpp"))
        numbers = re.findall(r"#define DISTFLOW_VERSION_(?:MAJOR|MINOR|PATCH) (\d+)", header)
        self.version = ".".join(numbers)

    def export_sources(self):
        for pattern in ("CMakeLists.txt", "LICENSE", "cmake/*", "include/*", "src/*"):
            copy(self, pattern, self._root, self.export_sources_folder)

    def requirements(self):
        # Inside the library; <distflow/json.hpp> alone shows rapidjson to programs.
        self.requires("rapidjson/1.1.0", transitive_headers=True)
        self.requires("concurrentqueue/1.0.4", visible=False)
        self.requires("cli11/2.4.2", visible=False)
        self.requires("fmt/9.1.0", visible=False)

    def validate(self):
        check_min_cppstd(self, 20)

    def layout(self):
        cmake_layout(self)

    def generate(self):
        toolchain = CMakeToolchain(self)
        toolchain.cache_variables["DISTFLOW_SHARED"] = bool(self.options.shared)
        toolchain.cache_variables["DISTFLOW_TESTS"] = False
        toolchain.cache_variables["DISTFLOW_EXAMPLES"] = False
        toolchain.cache_variables["DISTFLOW_FETCH"] = False
        toolchain.cache_variables["DISTFLOW_WERROR"] = False
        toolchain.generate()

    def build(self):
        cmake = CMake(self)
        cmake.configure()
        cmake.build()

    def package(self):
        copy(self, "LICENSE", self.source_folder, os.path.join(self.package_folder, "licenses"))
        CMake(self).install()

    def package_info(self):
        # The package's own files are used: they know the daemon, too.
        self.cpp_info.set_property("cmake_find_mode", "none")
        self.cpp_info.builddirs.append(os.path.join("lib", "cmake", "distflow"))
        self.cpp_info.libs = ["distflow"]
        if self.settings.os == "Linux":
            self.cpp_info.system_libs = ["pthread"]
