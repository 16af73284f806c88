#include "host/registries.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <random>

#include "host/registries/formats.h"
#include "host/registries/reader.h"
#include "sys/fd.h"

namespace berm {
namespace {

using Hosts = std::vector<RegistryHost>;

const std::set<std::string> kAll = {"npm",   "pip",   "cargo",    "go",   "maven",
                                    "nuget", "gem",   "composer", "apt",  "dnf",
                                    "apk",   "cabal", "pub",      "cpan", "terraform"};

/// A host of its own: home, system root, a directory of programs and a repository.
class Registries : public testing::Test {
 protected:
  Registries() {
    std::string made = testing::TempDir() + "berm-registries-XXXXXX";
    if (::mkdtemp(made.data()) == nullptr) std::abort();
    at_ = made;
    for (const char* name : {"/home", "/root", "/bin", "/repo"}) {
      EXPECT_TRUE(make_directories(at_ + name).has_value());
    }
    host_ = {.home = at_ + "/home",
             .path = at_ + "/bin",
             .variables = {},
             .repository = at_ + "/repo",
             .root = at_ + "/root"};
  }
  ~Registries() override { static_cast<void>(remove_tree(at_)); }

  void write(const std::string& path, std::string_view text, unsigned mode = 0600) const {
    const std::string full = at_ + "/" + path;
    ASSERT_TRUE(make_directories(full.substr(0, full.rfind('/'))).has_value());
    ASSERT_TRUE(write_file(full, text, mode).has_value()) << full;
    ASSERT_EQ(::chmod(full.c_str(), mode), 0);
  }
  [[nodiscard]] Hosts of(const std::string& client) const {
    RegistryHosts found = read_registries({client}, host_);
    return found.hosts[client];
  }
  [[nodiscard]] std::string notes_of(const std::string& client) const {
    std::string all;
    RegistryHosts found = read_registries({client}, host_);
    for (const std::string& note : found.notes[client]) all += note + "\n";
    return all;
  }

  std::string at_;
  HostEnvironment host_;
};

TEST(ParseRegistryUrl, TakesHostAndPortAndNothingElse) {
  const struct {
    std::string_view url, host;
    int port;
  } kCases[] = {
      {"https://a.example", "a.example", 443},
      {"https://a.example/x/", "a.example", 443},
      {"http://A.Example./x", "a.example", 80},
      {"HTTPS://a.example:8443/x", "a.example", 8443},
      {"sparse+https://a.example/index/", "a.example", 443},
      {"git+https://a.example/index", "a.example", 443},
      {"mirror+http://a.example/list", "a.example", 80},
      {"https://user:secret@a.example/", "a.example", 443},
      {"https://a.example?x=@b.example", "a.example", 443},
      {"https://a.example#@b.example", "a.example", 443},
      {"https://nexus/repository/", "nexus", 443},
  };
  for (const auto& [url, host, port] : kCases) {
    SCOPED_TRACE(url);
    const std::optional<WebAddress> address = parse_registry_url(url);
    ASSERT_TRUE(address.has_value());
    EXPECT_EQ(*address, (WebAddress{std::string(host), static_cast<std::uint16_t>(port)}));
  }
}

TEST(ParseRegistryUrl, RefusesWhatTwoProgramsReadDifferently) {
  const std::string_view kCases[] = {
      "",
      "a.example",
      "//a.example/",
      "https:/a.example",
      "https://",
      "https:///x",
      "ftp://a.example/",
      "file:///etc",
      "ssh://git@a.example/x",
      "javascript+https+x://a.example",
      "https://a.example@b.example@c.example/",  // which of them?
      "https://a.example\\@b.example/",          // a browser ends the host at the backslash
      "https://a.example\t.b.example/",
      "https://a.example\r\nHost: b.example/",
      {"https://a.example\0.b.example/", 30},
      "https://a.example:0/",
      "https://a.example:65536/",
      "https://a.example:+443/",
      "https://a.example:443:443/",
      "https://a.example:/",
      "https://10.0.0.1/",
      "https://0x7f.1/",
      "https://127.1/",
      "https://2130706433/",
      "https://[::1]/",
      "https://localhost:4873/",
      "https://x.localhost/",
      "https://*.example.com/",
      "https://a%2eexample/",
      "https://${HOST}/",
      "https://\xc3\xa9.example/",
      "https://-a.example/",
      "https://a..example/",
  };
  for (const std::string_view url : kCases) {
    EXPECT_FALSE(parse_registry_url(url).has_value()) << url;
  }
  EXPECT_FALSE(parse_registry_url("https://a.example/" + std::string(4096, 'x')).has_value());
}

TEST_F(Registries, NpmTakesWhatItsFilesName) {
  write("home/.npmrc",
        "; a comment\n//npm.corp.example/:_authToken=secret\n"
        "registry = \"https://me:secret@npm.corp.example/repository/npm/\"\n"
        "@scope:registry=https://scope.example:8443/\n[section]\nregistry=https://no.example/\n");
  write("root/etc/npmrc", "registry=https://weaker.example/\n@all:registry=https://all.example\n");
  write("home/.yarnrc.yml", "npmRegistryServer: \"https://yarn.example\"\n");
  EXPECT_EQ(of("npm"), (Hosts{{"npm.corp.example", 443, "~/.npmrc"},
                              {"scope.example", 8443, "~/.npmrc"},
                              {"all.example", 443, "/etc/npmrc"},
                              {"yarn.example", 443, "~/.yarnrc.yml"}}));
  EXPECT_EQ(notes_of("npm"), "");
}

TEST_F(Registries, NpmsEnvironmentIsStrongerThanItsFiles) {
  write("home/.npmrc", "registry=https://weaker.example/\n");
  host_.variables["NPM_CONFIG_REGISTRY"] = "https://env.example/";
  EXPECT_EQ(of("npm"), (Hosts{{"env.example", 443, "$npm_config_registry"}}));
}

TEST_F(Registries, NpmsDefaultComesFromNpm) {
  write("lib/node_modules/npm/bin/npm-cli.js", "#!/bin/sh\nexit 1\n", 0755);
  ASSERT_EQ(::symlink("../lib/node_modules/npm/bin/npm-cli.js", (at_ + "/bin/npm").c_str()), 0);
  EXPECT_EQ(of("npm"), Hosts{});
  write("lib/node_modules/npm/node_modules/@npmcli/config/lib/definitions/definitions.js",
        "  proxy: new Definition('proxy', {\n    default: null,\n  }),\n"
        "  registry: new Definition('registry', {\n    default: 'https://npm.example/',\n");
  EXPECT_EQ(of("npm"), (Hosts{{"npm.example", 443, "npm's default"}}));
  // Only a scope is configured: the default is needed too.
  write("home/.npmrc", "@scope:registry=https://scope.example/\n");
  EXPECT_EQ(of("npm"),
            (Hosts{{"scope.example", 443, "~/.npmrc"}, {"npm.example", 443, "npm's default"}}));
}

TEST_F(Registries, NpmIsAskedFarFromTheRepository) {
  const std::string script =
      "#!/bin/sh\n[ \"$PWD\" = / ] && [ \"$*\" = 'config get registry' ] || exit 1\n"
      "case \":$PATH:\" in *repo*) echo https://poisoned.example/ ;; *) echo "
      "https://asked.example/ ;; esac\n";
  write("bin/npm", script, 0755);
  write("repo/node_modules/.bin/npm", "#!/bin/sh\necho https://poisoned.example/\n", 0755);
  host_.path = at_ + "/repo/node_modules/.bin:.:" + at_ + "/bin";
  EXPECT_EQ(of("npm"), (Hosts{{"asked.example", 443, "npm's default"}}));
  write("bin/npm", "#!/bin/sh\necho 'npm warn cli something'\n", 0755);
  EXPECT_EQ(of("npm"), Hosts{});
  EXPECT_NE(notes_of("npm").find("what npm says"), std::string::npos);
}

TEST_F(Registries, NothingOfTheRepositoryGrantsItself) {
  const std::string_view poison = "https://poisoned.example/";
  write("repo/.npmrc", "registry=https://poisoned.example/\n");
  write("repo/pip.conf", "[global]\nindex-url = https://poisoned.example/\n");
  write("repo/pip/pip.conf", "[global]\nindex-url = https://poisoned.example/\n");
  write("repo/uv.toml", "index-url = \"https://poisoned.example/\"\n");
  write("repo/.cargo/config.toml", "[registries.x]\nindex = \"https://poisoned.example/\"\n");
  write("repo/config.toml", "[registries.x]\nindex = \"https://poisoned.example/\"\n");
  write("repo/go.env", "GOPROXY=https://poisoned.example/\n");
  write("repo/config.json", R"({"repositories": [{"url": "https://poisoned.example/"}]})");
  write("repo/.bundle/config", "BUNDLE_MIRROR__X: \"https://poisoned.example/\"\n");
  write("repo/lib/python3.11/site-packages/pip/_internal/models/index.py",
        "\nPyPI = PackageIndex(\"https://poisoned.example/\")\n");
  write("repo/bin/python3", "#!/bin/sh\n", 0755);
  write("repo/bin/go", "#!/bin/sh\n", 0755);
  write("repo/bin/npm", "#!/bin/sh\necho https://poisoned.example/\n", 0755);
  char before[4096];
  ASSERT_NE(::getcwd(before, sizeof before), nullptr);
  ASSERT_EQ(::chdir((at_ + "/repo").c_str()), 0);  // where a session starts

  const auto expect_nothing = [&](std::string_view how) {
    const RegistryHosts found = read_registries(kAll, host_);
    for (const auto& [client, hosts] : found.hosts) {
      for (const RegistryHost& host : hosts) {
        EXPECT_EQ(host.host.find("poisoned"), std::string::npos) << how << ": " << client;
      }
    }
    return found;
  };
  expect_nothing("working directory");
  host_.path = at_ + "/repo/bin:repo/bin:bin:.:";
  expect_nothing("programs");
  // Links and variables that lead there.
  ASSERT_EQ(::symlink("../repo/.npmrc", (at_ + "/home/.npmrc").c_str()), 0);
  ASSERT_EQ(::symlink("../repo/.cargo", (at_ + "/home/.cargo").c_str()), 0);
  ASSERT_EQ(::symlink(at_.c_str(), (at_ + "/alias").c_str()), 0);
  const RegistryHosts linked = expect_nothing("links");
  EXPECT_EQ(linked.notes.at("npm"),
            std::vector<std::string>{"npm: ~/.npmrc lies in the repository; it is not asked"});
  host_.variables = {{"PIP_CONFIG_FILE", at_ + "/alias/repo/pip.conf"},
                     {"NPM_CONFIG_USERCONFIG", at_ + "/repo/.npmrc"},
                     {"UV_CONFIG_FILE", "uv.toml"},
                     {"XDG_CONFIG_HOME", at_ + "/repo"},
                     {"XDG_CONFIG_DIRS", at_ + "/repo"},
                     {"CARGO_HOME", at_ + "/repo"},
                     {"GOROOT", at_ + "/repo/../repo"},
                     {"COMPOSER_HOME", at_ + "/repo"},
                     {"BUNDLE_USER_CONFIG", ".bundle/config"}};
  expect_nothing("variables");
  host_.variables.clear();
  host_.home = at_ + "/repo";  // the home directory is the repository
  expect_nothing("home");
  host_.home = ".";
  expect_nothing("relative home");
  host_.home = at_ + "/home";
  host_.variables = {{"npm_config_registry", std::string(poison)},
                     {"npm_execpath", "/usr/bin/npm"}};
  expect_nothing("npm run");
  EXPECT_NE(notes_of("npm").find("$npm_config_registry is set by npm"), std::string::npos);
  // The control: the same files outside are what is granted.
  host_.variables.clear();
  host_.home = at_ + "/repo";
  host_.repository = at_ + "/elsewhere";
  EXPECT_EQ(of("npm"), (Hosts{{"poisoned.example", 443, "~/.npmrc"}}));
  EXPECT_EQ(of("cargo"), (Hosts{{"poisoned.example", 443, "~/.cargo/config.toml"}}));
  ASSERT_EQ(::chdir(before), 0);
}

TEST_F(Registries, PipReadsItsFilesWeakestFirst) {
  write("root/etc/pip.conf", "[global]\nindex-url = https://system.example/simple\ntimeout = 3\n");
  EXPECT_EQ(of("pip"), (Hosts{{"system.example", 443, "/etc/pip.conf"}}));
  write("home/.config/pip/pip.conf",
        "[global]\nindex_url: https://u:p@pip.corp.example:8443/simple\n"
        "extra-index-url =\n    https://one.example/simple\n    http://two.example/simple\n"
        "find-links = /opt/wheels\n");
  EXPECT_EQ(of("pip"), (Hosts{{"one.example", 443, "~/.config/pip/pip.conf"},
                              {"two.example", 80, "~/.config/pip/pip.conf"},
                              {"pip.corp.example", 8443, "~/.config/pip/pip.conf"}}));
  host_.variables["PIP_CONFIG_FILE"] = "/dev/null";
  EXPECT_EQ(of("pip"), Hosts{});
  host_.variables["PIP_INDEX_URL"] = "https://env.example/simple";
  host_.variables["PIP_EXTRA_INDEX_URL"] = "https://a.example https://b.example";
  EXPECT_EQ(of("pip"), (Hosts{{"a.example", 443, "$PIP_EXTRA_INDEX_URL"},
                              {"b.example", 443, "$PIP_EXTRA_INDEX_URL"},
                              {"env.example", 443, "$PIP_INDEX_URL"}}));
  EXPECT_EQ(notes_of("pip"), "");
}

TEST_F(Registries, UvCountsAsPip) {
  write("home/.config/uv/uv.toml",
        "[[index]]\nname = \"corp\"\nurl = \"https://uv.corp.example/simple\"\ndefault = true\n"
        "[[index]]\nurl = \"https://more.example/simple\"\n[pip]\nextra-index-url = "
        "[\"https://x.example\"]\n");
  host_.variables["UV_INDEX"] = "corp=https://named.example/simple";
  EXPECT_EQ(of("pip"), (Hosts{{"named.example", 443, "$UV_INDEX"},
                              {"uv.corp.example", 443, "~/.config/uv/uv.toml"},
                              {"more.example", 443, "~/.config/uv/uv.toml"},
                              {"x.example", 443, "~/.config/uv/uv.toml"}}));
}

TEST_F(Registries, PipsDefaultComesFromPip) {
  constexpr std::string_view kIndex =
      "class PackageIndex:\n    pass\n\nPyPI = PackageIndex(\"https://index.example/\", "
      "file_storage_domain=\"files.example\")\nTestPyPI = "
      "PackageIndex(\"https://test.example/\")\n";
  write("root/usr/lib/python3/dist-packages/pip/_internal/models/index.py", kIndex);
  const Hosts expected = {{"index.example", 443, "pip's default"},
                          {"files.example", 443, "pip's default"}};
  EXPECT_EQ(of("pip"), expected);
  ASSERT_TRUE(remove_tree(at_ + "/root/usr").has_value());
  EXPECT_EQ(of("pip"), Hosts{});
  write("pyenv/shims/pip", "#!/bin/sh\n", 0755);
  write("pyenv/versions/3.11.7/lib/python3.11/site-packages/pip/_internal/models/index.py", kIndex);
  host_.path = at_ + "/pyenv/shims";
  EXPECT_EQ(of("pip"), expected);
}

TEST_F(Registries, CargoReadsRegistriesReplacementsAndItsCache) {
  write("home/.cargo/registry/index/index.example-1949cf8c6b5b557f/config.json",
        R"({"dl": "https://static.example/crates", "api": "https://api.example"})");
  write("home/.cargo/registry/index/stranger.example-0123456789abcdef/config.json",
        R"({"dl": "https://stranger-dl.example/"})");  // of a repository that was once built
  EXPECT_EQ(of("cargo"),
            (Hosts{{"index.example", 443, "cargo's default"},
                   {"static.example", 443,
                    "~/.cargo/registry/index/index.example-1949cf8c6b5b557f/config.json"}}));
  write("home/.cargo/config.toml",
        "[source.crates-io]\nreplace-with = \"corp\"\n"
        "[source.corp]\nregistry = \"sparse+https://cargo.corp.example/index/\"\n"
        "[registries]\nmine = { index = \"git+https://git.example/index\", token = \"secret\" }\n");
  host_.variables["CARGO_REGISTRIES_OTHER_INDEX"] = "sparse+https://env.example/";
  EXPECT_EQ(of("cargo"), (Hosts{{"git.example", 443, "~/.cargo/config.toml"},
                                {"cargo.corp.example", 443, "~/.cargo/config.toml"},
                                {"env.example", 443, "$CARGO_REGISTRIES_OTHER_INDEX"}}));
}

TEST_F(Registries, GoReadsEnvironmentFileAndRoot) {
  write("go/go.env", "# defaults\nGOPROXY=https://proxy.example,direct\nGOSUMDB=sum.example\n");
  write("go/bin/go", "#!/bin/sh\n", 0755);
  ASSERT_EQ(::symlink("../go/bin/go", (at_ + "/bin/go").c_str()), 0);
  EXPECT_EQ(of("go"),
            (Hosts{{"proxy.example", 443, "go's default"}, {"sum.example", 443, "go's default"}}));
  write("home/.config/go/env", "GOPROXY=https://go.corp.example|other.example,off\n");
  EXPECT_EQ(of("go"), (Hosts{{"go.corp.example", 443, "~/.config/go/env"},
                             {"other.example", 443, "~/.config/go/env"},
                             {"sum.example", 443, "go's default"}}));
  host_.variables = {{"GOPROXY", "direct"},
                     {"GOSUMDB", "key.example+1a2b+AAA https://sums.example"}};
  EXPECT_EQ(of("go"), (Hosts{{"sums.example", 443, "$GOSUMDB"}}));
  host_.variables = {{"GOPROXY", "off"}, {"GOSUMDB", "off"}};
  EXPECT_EQ(of("go"), Hosts{});
}

TEST_F(Registries, MavenReadsMirrorsAndRepositories) {
  write("home/.m2/settings.xml", R"(<?xml version="1.0"?>
<!DOCTYPE settings>
<settings xmlns="http://namespace.example/">
  <!-- <mirrors><mirror><url>https://comment.example/</url></mirror></mirrors> -->
  <mirrors>
    <mirror><id>corp</id><mirrorOf>*,!x</mirrorOf><url> https://maven.corp.example/m2 </url></mirror>
    <mirror><mirrorOf>external:http:*</mirrorOf><url>http://blocked.example/</url><blocked>true</blocked></mirror>
  </mirrors>
  <servers><server><id>corp</id><password>secret</password></server></servers>
  <profiles><profile><repositories><repository><url>https://more.example/</url></repository></repositories>
  <url>https://no.example</url></profile></profiles>
</settings>)");
  EXPECT_EQ(of("maven"), (Hosts{{"maven.corp.example", 443, "~/.m2/settings.xml"},
                                {"more.example", 443, "~/.m2/settings.xml"}}));
  EXPECT_EQ(notes_of("maven"), "");
  write("home/.m2/settings.xml",
        "<settings><profiles><repository><url>https://a.example</url></repository></profiles></"
        "settings>");
  EXPECT_NE(notes_of("maven").find("the default repository is not known here"), std::string::npos);
}

TEST_F(Registries, NugetReadsEnabledSources) {
  write(
      "home/.nuget/NuGet/NuGet.Config",
      "<configuration><packageSources><clear/><add key='a' value='https://nuget.corp.example/v3' />"
      "<add key=\"b\" value=\"https://off.example/\"/><add key=\"c\" value=\"/srv/nuget\"/>"
      "</packageSources><disabledPackageSources><add key=\"b\" value=\"true\"/>"
      "</disabledPackageSources></configuration>");
  EXPECT_EQ(of("nuget"), (Hosts{{"nuget.corp.example", 443, "~/.nuget/NuGet/NuGet.Config"}}));
}

TEST_F(Registries, GemReadsSourcesMirrorsAndItsDefault) {
  write("root/usr/lib/ruby/vendor_ruby/rubygems/defaults.rb",
        "  def self.default_sources\n    %w[https://gems.example/]\n  end\n");
  write("root/usr/lib/ruby/vendor_ruby/bundler/fetcher/base.rb", "uri.host = \"index.example\"\n");
  EXPECT_EQ(of("gem"), (Hosts{{"gems.example", 443, "gem's default"},
                              {"index.example", 443, "bundler's default"}}));
  write("home/.gemrc",
        "---\n:verbose: true\n:sources:\n- https://gems.corp.example/\n:other:\n- "
        "https://no.example\n");
  write("home/.bundle/config",
        "---\nBUNDLE_MIRROR__HTTPS://X/: \"https://mirror.example/\"\nBUNDLE_PATH: \"x\"\n");
  EXPECT_EQ(of("gem"), (Hosts{{"gems.corp.example", 443, "~/.gemrc"},
                              {"mirror.example", 443, "~/.bundle/config"}}));
}

TEST_F(Registries, ComposerReadsRepositoriesAndItsDefault) {
  write("root/usr/share/php/Composer/Config.php",
        "public static $defaultRepositories = [\n  'name' => [\n 'type' => 'composer',\n"
        " 'url' => 'https://php.example',\n");
  EXPECT_EQ(of("composer"), (Hosts{{"php.example", 443, "composer's default"}}));
  write("home/.config/composer/config.json",
        R"({"repositories": {"corp": {"type": "composer", "url": "https://php.corp.example"},
            "packagist": false}, "http-basic": {"php.corp.example": {"password": "secret"}}})");
  EXPECT_EQ(of("composer"), (Hosts{{"php.corp.example", 443, "~/.config/composer/config.json"}}));
}

TEST_F(Registries, AptReadsBothFormats) {
  write("root/etc/apt/sources.list",
        "# deb http://no.example/ stable main\n"
        "deb [arch=amd64 signed-by=/x] https://one.example:8443/debian stable main # why\n"
        "deb-src\thttp://two.example/debian stable main\ndeb cdrom:[Debian 12]/ stable main\n");
  write("root/etc/apt/sources.list.d/a.sources",
        "Types: deb\nURIs: http://three.example/debian\n https://four.example/debian\n# x\nSuites: "
        "stable\n\n"
        "Enabled: no\nURIs: https://off.example/\n\nURIs: mirror+file:///etc/apt/mirrors/list\n");
  write("root/etc/apt/mirrors/list", "https://five.example/debian priority:1\n");
  write("root/etc/apt/sources.list.d/b.sources.disabled", "URIs: https://off.example/\n");
  EXPECT_EQ(of("apt"), (Hosts{{"one.example", 8443, "/etc/apt/sources.list"},
                              {"two.example", 80, "/etc/apt/sources.list"},
                              {"three.example", 80, "/etc/apt/sources.list.d/a.sources"},
                              {"four.example", 443, "/etc/apt/sources.list.d/a.sources"},
                              {"five.example", 443, "/etc/apt/mirrors/list"}}));
}

TEST_F(Registries, TheOthersAreReadToo) {
  write("root/etc/yum.repos.d/x.repo",
        "[a]\nbaseurl=https://one.example/$releasever/\n  https://two.example/\n[b]\nenabled=0\n"
        "baseurl=https://off.example/\n[c]\nmetalink=https://three.example/m\n");
  EXPECT_EQ(of("dnf").size(), 3U);
  EXPECT_NE(notes_of("dnf").find("at run time"), std::string::npos);
  write("root/etc/apk/repositories",
        "#https://no.example/\nhttps://one.example/v3/main\n@edge https://two.example/\n/srv\n");
  EXPECT_EQ(of("apk"), (Hosts{{"one.example", 443, "/etc/apk/repositories"},
                              {"two.example", 443, "/etc/apk/repositories"}}));
  write("home/.cabal/config",
        "repository x.example\n  url: http://cabal.example/\n-- url: http://no.example\n");
  EXPECT_EQ(of("cabal"), (Hosts{{"cabal.example", 80, "~/.cabal/config"}}));
  host_.variables["PUB_HOSTED_URL"] = "https://pub.example";
  EXPECT_EQ(of("pub"), (Hosts{{"pub.example", 443, "$PUB_HOSTED_URL"}}));
  write("home/.cpan/CPAN/MyConfig.pm",
        "  'urllist' => [q[https://cpan.example/], q[file:///x]],\n");
  EXPECT_EQ(of("cpan"), (Hosts{{"cpan.example", 443, "~/.cpan/CPAN/MyConfig.pm"}}));
  write("home/.terraformrc",
        "provider_installation {\n  network_mirror {\n    url = \"https://tf.example/m/\"\n # "
        "\"https://no.example\"\n");
  EXPECT_EQ(of("terraform"), (Hosts{{"tf.example", 443, "~/.terraformrc"}}));
}

const std::string_view kFiles[] = {
    "home/.npmrc",
    "root/etc/npmrc",
    "home/.yarnrc",
    "home/.yarnrc.yml",
    "home/.config/pip/pip.conf",
    "root/etc/pip.conf",
    "home/.config/uv/uv.toml",
    "home/.cargo/config.toml",
    "home/.config/go/env",
    "home/.cargo/registry/index/-1949cf8c6b5b557f/config.json",
    "home/.m2/settings.xml",
    "home/.nuget/NuGet/NuGet.Config",
    "home/.gemrc",
    "home/.bundle/config",
    "home/.composer/config.json",
    "root/usr/share/php/Composer/Config.php",
    "root/usr/lib/ruby/vendor_ruby/rubygems/defaults.rb",
    "root/usr/lib/ruby/vendor_ruby/bundler/fetcher/base.rb",
    "root/etc/apt/sources.list",
    "root/etc/apt/sources.list.d/x.list",
    "root/etc/apt/sources.list.d/x.sources",
    "root/etc/yum.repos.d/x.repo",
    "root/etc/apk/repositories",
    "home/.cabal/config",
    "home/.cpan/CPAN/MyConfig.pm",
    "home/.terraformrc",
    "root/usr/lib/python3/dist-packages/pip/_internal/models/index.py"};

TEST_F(Registries, MalformedFilesGrantNothingAndCrashNothing) {
  const std::string kTexts[] = {"",
                                "\n",
                                std::string(1000, '\0'),
                                "\xff\xfe\x00r",
                                "registry=",
                                "registry",
                                "=",
                                "[",
                                "]",
                                "[x",
                                "<",
                                "</",
                                "<a",
                                "<a><b></a>",
                                "<!--",
                                "<![CDATA[",
                                "<a b='",
                                "{",
                                "[[[[",
                                "{\"a\":",
                                "- ",
                                ":sources:\n-",
                                "'urllist' => [q[",
                                "'urllist'q[",
                                "url = \"http",
                                "deb [",
                                "deb ",
                                "URIs",
                                "URIs:",
                                " URIs: x",
                                "\nPyPI = ",
                                "\nPyPI = PackageIndex(\"",
                                "default_sources %w[",
                                "default_sources",
                                "$defaultRepositories 'url'",
                                "'registry', { default: '",
                                "BUNDLE_MIRROR__: ",
                                "npmRegistryServer:",
                                "registry ",
                                "@:registry=",
                                "repository \n url:",
                                "@ @ @",
                                std::string(100'000, '['),
                                std::string(100'000, '.'),
                                "a" + std::string(300, '.') + "b = 1",
                                std::string(100'000, '<'),
                                std::string(300'000, 'a') + "=https://a.example",
                                "x = " + std::string(50'000, '{')};
  for (const std::string& text : kTexts) {
    SCOPED_TRACE(text.substr(0, 60));
    for (const std::string_view file : kFiles) write(std::string(file), text);
    const RegistryHosts found = read_registries(kAll, host_);
    for (const auto& [client, hosts] : found.hosts) EXPECT_TRUE(hosts.empty()) << client;
  }
}

TEST_F(Registries, RandomFilesCrashNothing) {
  const std::string_view kPieces[] = {"https://",
                                      "a.example",
                                      "/",
                                      "\n",
                                      " ",
                                      "=",
                                      ":",
                                      "[",
                                      "]",
                                      "<",
                                      ">",
                                      "</",
                                      "/>",
                                      "\"",
                                      "'",
                                      "{",
                                      "}",
                                      ",",
                                      "#",
                                      "registry",
                                      "index-url",
                                      "mirror",
                                      "url",
                                      "<mirror>",
                                      "</mirror>",
                                      "<url>",
                                      "</url>",
                                      "deb ",
                                      "URIs:",
                                      "- ",
                                      ":sources:",
                                      "q[",
                                      "'urllist'",
                                      "\0",
                                      "\xff",
                                      "\\",
                                      "@",
                                      "repository ",
                                      "[registries.a]",
                                      "index",
                                      "packageSources"};
  std::mt19937 random(7);  // NOLINT(cert-msc51-cpp): the same files each time
  for (int round = 0; round < 60; ++round) {
    for (const std::string_view file : kFiles) {
      std::string text;
      for (auto i = random() % 40; i > 0; --i) text += kPieces[random() % std::size(kPieces)];
      write(std::string(file), text);
    }
    const RegistryHosts found = read_registries(kAll, host_);
    for (const auto& [client, hosts] : found.hosts) {
      for (const RegistryHost& host : hosts) {
        EXPECT_TRUE(parse_registry_url("https://" + host.host).has_value()) << host.host;
      }
    }
  }
}

TEST_F(Registries, OddFilesAreNotRead) {
  write("home/.npmrc", "registry=https://a.example/\n" + std::string(1 << 20, '#'));
  EXPECT_EQ(of("npm"), Hosts{});
  EXPECT_EQ(notes_of("npm"),
            "npm: ~/.npmrc is no readable plain file of at most 1 MiB; it is not asked\n");
  ASSERT_EQ(::unlink((at_ + "/home/.npmrc").c_str()), 0);
  ASSERT_EQ(::mkfifo((at_ + "/home/.npmrc").c_str(), 0600), 0);  // whose reader waits for ever
  EXPECT_EQ(of("npm"), Hosts{});
  ASSERT_EQ(::unlink((at_ + "/home/.npmrc").c_str()), 0);
  ASSERT_EQ(::symlink("/dev/zero", (at_ + "/home/.npmrc").c_str()), 0);
  EXPECT_EQ(of("npm"), Hosts{});
  ASSERT_EQ(::unlink((at_ + "/home/.npmrc").c_str()), 0);
  ASSERT_EQ(::symlink(".npmrc", (at_ + "/home/.npmrc").c_str()), 0);
  EXPECT_EQ(of("npm"), Hosts{});
  // A link of the user's own is followed: that is how people keep such files.
  ASSERT_EQ(::unlink((at_ + "/home/.npmrc").c_str()), 0);
  write("dotfiles/npmrc", "registry=https://a.example/\n");
  ASSERT_EQ(::symlink("../dotfiles/npmrc", (at_ + "/home/.npmrc").c_str()), 0);
  EXPECT_EQ(of("npm"), (Hosts{{"a.example", 443, "~/.npmrc"}}));
}

TEST_F(Registries, NoSecretIsKept) {
  write("home/.npmrc",
        "registry=https://user:hunter2@a.example/\n@x:registry=ftp://user:hunter2@b.example\n");
  host_.variables["PIP_INDEX_URL"] = "https://user:hunter2@a.example@b.example/";
  const RegistryHosts found = read_registries(kAll, host_);
  std::string all;
  for (const auto& [client, hosts] : found.hosts) {
    for (const RegistryHost& host : hosts) all += host.host + host.source;
  }
  for (const auto& [client, notes] : found.notes) {
    for (const std::string& note : notes) all += note;
  }
  EXPECT_NE(all.find("a.example"), std::string::npos);
  EXPECT_EQ(all.find("hunter2"), std::string::npos) << all;
  ASSERT_EQ(::setenv("CARGO_REGISTRIES_X_TOKEN", "hunter2", 1), 0);
  ASSERT_EQ(::setenv("CARGO_REGISTRIES_X_INDEX", "https://a.example", 1), 0);
  const HostEnvironment host = host_environment("/h", "/p", "/r");
  ::unsetenv("CARGO_REGISTRIES_X_TOKEN");
  ::unsetenv("CARGO_REGISTRIES_X_INDEX");
  EXPECT_TRUE(host.variables.contains("CARGO_REGISTRIES_X_INDEX"));
  EXPECT_FALSE(host.variables.contains("CARGO_REGISTRIES_X_TOKEN"));
  EXPECT_FALSE(host.variables.contains("PATH"));
}

TEST_F(Registries, OnlyTheClientsAskedForAreRead) {
  write("home/.npmrc", "registry=https://a.example/\n");
  EXPECT_EQ(read_registries({}, host_), RegistryHosts{});
  EXPECT_EQ(read_registries({"pip", "nobody"}, host_).hosts.count("npm"), 0U);
}

// The lists must not name a registry: whichever this machine uses is in none of them.
TEST(BuiltInBundles, NameNoRegistryOfThisHost) {
  const char* home = ::getenv("HOME");
  const char* path = ::getenv("PATH");
  const RegistryHosts here = read_registries(
      kAll, host_environment(home != nullptr ? home : "", path != nullptr ? path : "", ""));
  std::set<std::string> forges;  // whose hosts somebody's registry may well share
  for (const char* name : {"github", "containers"}) {
    const Result<Bundle> bundle = find_bundle(name);
    ASSERT_TRUE(bundle.has_value());
    for (const HostGrant& grant : bundle->grants) forges.insert(grant.pattern);
  }
  for (const std::string_view name : bundle_names()) {
    const Result<Bundle> bundle = find_bundle(name);
    ASSERT_TRUE(bundle.has_value());
    for (const std::string& client : bundle->registries) {
      EXPECT_TRUE(kAll.contains(client)) << "no test here reads " << client;
    }
    for (const HostGrant& grant : bundle->grants) {
      for (const auto& [client, hosts] : here.hosts) {
        const bool named =
            std::ranges::find(hosts, grant.pattern, &RegistryHost::host) != hosts.end();
        EXPECT_FALSE(named && !forges.contains(grant.pattern))
            << "@" << name << " names a host of " << client;
      }
    }
  }
}

}  // namespace
}  // namespace berm
