// src/credentials/issuers_test_support.h: tests/credentials/issuers.py as an object. Tests only.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "credentials/provider.h"
#include "sys/fd.h"

namespace berm::test {

using nlohmann::json;
inline constexpr std::chrono::seconds kPatient{30};  ///< ends a test that hangs

/// A directory that is gone afterwards.
class Scratch {
 public:
  Scratch() {
    char name[] = "/tmp/berm-credentials-XXXXXX";
    path_ = ::mkdtemp(name);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() { std::filesystem::remove_all(path_); }
  [[nodiscard]] std::string at(const std::string& name) const { return path_ + "/" + name; }
  [[nodiscard]] std::string file(const std::string& name, std::string_view bytes) const {
    EXPECT_TRUE(write_file(at(name), bytes));
    return at(name);
  }

 private:
  std::string path_;
};

/// A variable of this process's environment for the length of a test.
class Variable {
 public:
  Variable(std::string name, const std::string& value) : name_(std::move(name)) {
    ::setenv(name_.c_str(), value.c_str(), 1);
  }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;
  ~Variable() { ::unsetenv(name_.c_str()); }

 private:
  std::string name_;
};

/// Waits until `is_true`; false if it never is.
template <class Condition>
bool eventually(Condition is_true) {
  const auto until = std::chrono::steady_clock::now() + kPatient;
  while (!is_true()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

/// Certificates and keys, made by the openssl program once for all tests.
struct Keys {
  Keys() {
    const std::string d = scratch.at("");
    const std::string made =
        "cd " + d +
        " && openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=test-ca -keyout ca.key "
        "-out ca.pem 2>/dev/null"
        " && openssl req -newkey rsa:2048 -nodes -subj /CN=issuer -keyout server.key -out "
        "server.csr 2>/dev/null"
        " && printf 'subjectAltName=IP:127.0.0.1,DNS:issuer.example' > san"
        " && openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 "
        "-extfile san -out server.pem 2>/dev/null"
        " && openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=other -keyout other.key "
        "-out other.pem 2>/dev/null"
        " && openssl genrsa -out app.key 2048 2>/dev/null && openssl rsa -in app.key -pubout -out "
        "app.pub 2>/dev/null && chmod 600 app.key";
    EXPECT_EQ(std::system(made.c_str()), 0);
  }
  Scratch scratch;
};

inline const Keys& keys() {
  static const Keys made;
  return made;
}

/// The stand-ins, running.
class Issuers {
 public:
  Issuers() : trust_("SSL_CERT_FILE", keys().scratch.at("ca.pem")) {
    Pipe in = *make_pipe();
    Pipe out = *make_pipe();
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(in.read.get(), 0);
      ::dup2(out.write.get(), 1);
      const Scratch& d = keys().scratch;
      ::execlp("python3", "python3", BERM_SOURCE_DIR "/tests/credentials/issuers.py",
               d.at("server.pem").c_str(), d.at("server.key").c_str(), d.at("app.pub").c_str(),
               nullptr);
      ::_exit(127);
    }
    in_ = std::move(in.write);
    out_ = std::move(out.read);
    const json ready = event("ready");
    port_ = ready.value("port", 0);
    proxy_ = ready.value("proxy", 0);
  }
  Issuers(const Issuers&) = delete;
  Issuers& operator=(const Issuers&) = delete;
  ~Issuers() {
    in_.reset();  // it ends at the end of its commands
    ::waitpid(pid_, nullptr, 0);
    for (const json& one : events_) EXPECT_NE(one["event"], "wrong") << one;
  }

  [[nodiscard]] std::string url(const std::string& service) const {
    return "https://127.0.0.1:" + std::to_string(port_) + "/" + service;
  }
  [[nodiscard]] int port() const { return port_; }
  [[nodiscard]] int proxy() const { return proxy_; }

  void command(const std::string& line) {
    EXPECT_TRUE(write_all(in_.get(), line + "\n"));
    (void)event("ok");
  }
  void answer(const std::string& request, const json& reply) {
    command("answer " + request + " " + reply.dump());
  }
  /// What is issued and not ended.
  [[nodiscard]] std::vector<std::string> live() {
    EXPECT_TRUE(write_all(in_.get(), std::string_view("live\n")));
    return event("live").value("what", std::vector<std::string>());
  }
  /// The next event of that kind, `key` if it is not "".
  json event(const std::string& kind, const std::string& key = "") {
    const auto until = std::chrono::steady_clock::now() + kPatient;
    for (std::size_t at = 0;; ++at) {
      while (at >= events_.size()) {
        if (std::chrono::steady_clock::now() > until || !read_more()) {
          ADD_FAILURE() << "no event " << kind << " " << key;
          return json::object();
        }
      }
      json& one = events_[at];
      if (one["event"] != kind || one.value("taken", false)) continue;
      if (!key.empty() && one.value("key", "") != key) continue;
      one["taken"] = true;
      return one;
    }
  }
  /// How often `key` was asked so far.
  [[nodiscard]] int asked(const std::string& key) {
    (void)live();  // whatever was said before its answer has been read
    int count = 0;
    for (const json& one : events_) {
      if (one["event"] == "request" && one.value("key", "") == key) ++count;
    }
    return count;
  }
  /// Takes a complaint away that a test provokes.
  void expect_wrong() {
    for (json& one : events_) {
      if (one["event"] == "wrong") one["event"] = "expected";
    }
  }

 private:
  bool read_more() {
    pollfd ready{out_.get(), POLLIN, 0};
    if (::poll(&ready, 1, 30'000) != 1) return false;
    char bytes[8192];
    const ssize_t got = ::read(out_.get(), bytes, sizeof bytes);
    if (got <= 0) return false;
    unread_.append(bytes, static_cast<std::size_t>(got));
    for (std::size_t end = unread_.find('\n'); end != std::string::npos; end = unread_.find('\n')) {
      events_.push_back(json::parse(unread_.substr(0, end)));
      unread_.erase(0, end + 1);
    }
    return true;
  }

  Variable trust_;
  pid_t pid_ = -1;
  UniqueFd in_;
  UniqueFd out_;
  int port_ = 0;
  int proxy_ = 0;
  std::string unread_;
  std::vector<json> events_;
};

inline CredentialSource github_source(const Issuers& issuers) {
  return {.name = "github",
          .from = "github-app:12345/678",
          .with = {{"key", "file:" + keys().scratch.at("app.key")},
                   {"endpoint", issuers.url("github")}},
          .scope = {{"repositories", "app, docs"}, {"permissions", "contents:read,issues:write"}}};
}

inline CredentialSource vault_source(const Issuers& issuers) {
  return {.name = "database",
          .from = "vault:database/creds/agents#password",
          .with = {{"address", issuers.url("vault")},
                   {"auth", "approle"},
                   {"role_id", "env:TEST_ROLE_ID"},
                   {"secret_id", "env:TEST_SECRET_ID"}}};
}

/// What vault_source() logs in with.
struct VaultLogin {
  Variable role{"TEST_ROLE_ID", "role-of-berm"};
  Variable secret{"TEST_SECRET_ID", "secret-id-of-berm"};
};

/// Mints without a keeper, and remembers what was recorded.
class Providers : public testing::Test {
 protected:
  MintContext context() {
    return {.https = https_,
            .run = "run-1",
            .descriptors = descriptors_,
            .record = [this](const LeaseHandle& handle) -> Result<void> {
              recorded_.push_back(handle);
              return {};
            }};
  }
  Result<Lease> minted(const CredentialSource& source) { return mint(context(), source); }
  /// The value, or the error as a user reads it.
  std::string value_of(const CredentialSource& source) {
    const Result<Lease> lease = minted(source);
    return lease ? std::string(lease->value.reveal()) : render(lease.error());
  }

  HttpsClient https_;
  std::map<std::string, Secret> descriptors_;
  std::vector<LeaseHandle> recorded_;
};

}  // namespace berm::test
