// src/net/tls_test_support.h: real programs and sockets for the tests of TLS. Tests only.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>
#include <utility>

#include "net/authority.h"
#include "sys/fd.h"

namespace berm::test {

inline constexpr std::chrono::seconds kPatient{10};  ///< ends a test that hangs
inline constexpr const char* kHost = "a.example";

/// A CA that may speak for kHost.
inline RunAuthority make_authority() {
  const std::string host = kHost;
  return *RunAuthority::create({&host, 1}, std::chrono::hours(1));
}

/// Fails the test where skipping would hide a missing proof (BERM_MUST_WORK=1), else skips.
#define BERM_SKIP_OR_FAIL(why)                                                      \
  do {                                                                              \
    if (std::getenv("BERM_MUST_WORK") != nullptr) FAIL() << "must work: " << (why); \
    GTEST_SKIP() << (why);                                                          \
  } while (false)

/// A directory that is gone afterwards.
class Scratch {
 public:
  Scratch() {
    char name[] = "/tmp/berm-tls-XXXXXX";
    path_ = ::mkdtemp(name);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() { std::filesystem::remove_all(path_); }

  /// Writes a file. Returns its path.
  [[nodiscard]] std::string file(const std::string& name, std::string_view bytes) const {
    std::string path = path_ + "/" + name;
    EXPECT_TRUE(write_file(path, bytes));
    return path;
  }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// A shell command line that runs; killed when dropped.
class Program {
 public:
  explicit Program(const std::string& command) {
    Pipe pipe = *make_pipe();
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(pipe.write.get(), 1);
      ::dup2(1, 2);
      ::execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
      ::_exit(127);
    }
    out_ = std::move(pipe.read);
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  ~Program() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    (void)wait();
  }

  /// Both streams.
  [[nodiscard]] int out() const { return out_.get(); }
  /// Its exit code, or 128 + signal.
  [[nodiscard]] int wait() {
    int status = 0;
    ::waitpid(std::exchange(pid_, -1), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

 private:
  pid_t pid_ = -1;
  UniqueFd out_;
};

struct Finished {
  int code = -1;
  std::string out;
};

/// Runs a shell command line to its end.
inline Finished run(const std::string& command) {
  Program program(command);
  Finished finished;
  finished.out = read_all(program.out()).value_or("");
  finished.code = program.wait();
  return finished;
}

/// `openssl s_server` on a loopback port, for one connection after another.
class OpensslServer {
 public:
  OpensslServer(const std::string& certificate, const std::string& key, const std::string& more)
      : program_("exec openssl s_server -accept 127.0.0.1:0 -www -cert " + certificate + " -key " +
                 key + " " + more) {
    std::string said;
    for (char byte = 0; ::read(program_.out(), &byte, 1) == 1; said += byte) {
      const std::size_t at = said.find("ACCEPT 127.0.0.1:");
      if (byte != '\n' || at == std::string::npos) continue;
      port_ = std::stoi(said.substr(at + 17));
      return;
    }
    ADD_FAILURE() << said;
  }
  [[nodiscard]] int port() const { return port_; }

 private:
  Program program_;
  int port_ = 0;
};

inline std::pair<UniqueFd, UniqueFd> connected_sockets() {
  int fds[2] = {-1, -1};
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
  return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

/// Listens on a loopback port of the kernel's choice.
class Listener {
 public:
  Listener() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(fd_.get(), 8), 0);
    EXPECT_EQ(::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
  }
  [[nodiscard]] UniqueFd accept() const {
    return UniqueFd(::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  }
  [[nodiscard]] int port() const { return port_; }

 private:
  UniqueFd fd_;
  int port_ = 0;
};

inline UniqueFd dial_loopback(int port) {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    fd.reset();
  }
  return fd;
}

inline std::string pem_of(X509* certificate) {
  const Bio out(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(out.get(), certificate);
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

inline std::string pem_of(EVP_PKEY* key) {
  const Bio out(BIO_new(BIO_s_mem()));
  PEM_write_bio_PrivateKey(out.get(), key, nullptr, nullptr, 0, nullptr, nullptr);
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

inline Certificate certificate_of(const std::string& pem) {
  return Certificate(PEM_read_bio_X509(read_only_bio(pem).get(), nullptr, nullptr, nullptr));
}

/// A certificate that `issuer_key` signs, valid between two offsets from now. Without an issuer it
/// issues itself; without a `san` ("DNS:a.b") it is a CA's.
inline Certificate issue(EVP_PKEY* key, const std::string& san, X509* issuer, EVP_PKEY* issuer_key,
                         long from = -3600, long until = 3600) {
  Certificate made(X509_new());
  X509_set_version(made.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(made.get()), 4711);
  X509_gmtime_adj(X509_getm_notBefore(made.get()), from);
  X509_gmtime_adj(X509_getm_notAfter(made.get()), until);
  X509_set_pubkey(made.get(), key);
  const std::string subject = san.empty() ? "test root" : san;
  X509_NAME_add_entry_by_txt(X509_get_subject_name(made.get()), "O", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(subject.c_str()), -1, -1, 0);
  X509* const by = issuer == nullptr ? made.get() : issuer;
  X509_set_issuer_name(made.get(), X509_get_subject_name(by));
  X509_EXTENSION* extension =
      san.empty() ? X509V3_EXT_conf_nid(nullptr, nullptr, NID_basic_constraints, "critical,CA:TRUE")
                  : X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, san.c_str());
  X509_add_ext(made.get(), extension, -1);
  X509_EXTENSION_free(extension);
  EXPECT_GT(X509_sign(made.get(), issuer_key, EVP_sha256()), 0);
  return made;
}

}  // namespace berm::test
