// src/base/precompiled.h: what nearly every file includes, parsed once a build. Only the build
// includes it; every file still names what it uses.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>
#include <variant>
#include <vector>
