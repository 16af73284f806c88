#include "rules/egress/client_hello.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <initializer_list>
#include <string_view>

#include "base/text.h"

namespace berm {
namespace {

using Bytes = std::vector<std::uint8_t>;

// As their clients sent them.
// openssl s_client (3.0) -servername api.example.com -alpn h2,http/1.1
constexpr std::string_view kOpenssl =
    "160301014e0100014a0303f5b2e784ee644b7a65613b485f5996ee7551b96d338621f26ecf7a696c8ae4d5203e8b"
    "1bf45a8fb64d471953403061efc6fb87b468ae9a52e6810bafbb57b550d7003e130213031301c02cc030009fcca9"
    "cca8ccaac02bc02f009ec024c028006bc023c0270067c00ac0140039c009c0130033009d009c003d003c0035002f"
    "00ff010000c300000014001200000f6170692e6578616d706c652e636f6d000b000403000102000a00160014001d"
    "0017001e0019001801000101010201030104002300000010000e000c02683208687474702f312e31001600000017"
    "0000000d002a0028040305030603080708080809080a080b08040805080604010501060103030301030204020502"
    "0602002b0009080304030303020301002d00020101003300260024001d0020ee8cb332c7717621d5f3d6e4a4b12b"
    "fd3a28f72b469db1f385cddde97a8da92d";
// openssl s_client (3.0) -noservername -tls1_2
constexpr std::string_view kOpensslNoName =
    "16030100b7010000b303038d01eb2b4cc2e15af0e4945e1a0fda79fe03ec0eceb9a0396cc14ee658de2cef000038"
    "c02cc030009fcca9cca8ccaac02bc02f009ec024c028006bc023c0270067c00ac0140039c009c0130033009d009c"
    "003d003c0035002f00ff01000052000b000403000102000a000c000a001d0017001e001900180023000000160000"
    "00170000000d002a0028040305030603080708080809080a080b0804080508060401050106010303030103020402"
    "05020602";
// git over GnuTLS 3.7: server_name is not the first extension
constexpr std::string_view kGnutls =
    "160301018a010001860303946ddcdc3a7919237df4bf5c19119898084c7256fc306475257578579b0750ba200008"
    "bb1078ea01aef44adf383e148f230a38d8b07ca4d29aa3eabd6a318da06e003a1302130313011304c02ccca9c0ad"
    "c00ac02bc0acc009c030cca8c014c02fc013009dc09d0035009cc09c002f009fccaac09f0039009ec09e00330100"
    "0103000500050100000000000a00160014001700180019001d001e01000101010201030104000b00020100000d00"
    "220020040108090804040308070501080a0805050308080601080b08060603020102030010000e000c0268320868"
    "7474702f312e3100160000001700000033006b00690017004104435227b38aa3b4a032e05daba7e9948c1b457a32"
    "505069d0fab449f8439f84bf295a535ba4c3f555d7ab72ad63572624727ff822fc5f41c745d761d634959f0d001d"
    "00201333ad764ee5887371c77a5d1f2045decb7474b82f8fab7d03cde10a7442b07d002b00090803040303030203"
    "01ff010001000000000f000d00000a6769746875622e636f6d001c00024001";
// an imitation of Firefox, with a GREASE encrypted_client_hello
constexpr std::string_view kGrease =
    "160301030a010003060303e87d636e4d2aa38e9a5a6f83f3fe4361b3ccad9e5462ec534b35728084ac84062093bf"
    "b6072da6a7532b83f3e7e9de57df14d11405a1e3a56136761ec518692b470022130113031302c00ac009c013c014"
    "009c009d002f0035c02bc02fcca9cca8c02cc0300100029b000b000201000022000a00080403050306030203001c"
    "00024001ff010001000000000e000c0000096c6f63616c686f73740017000000230000000d001c001a0201020304"
    "010403050105030601060308040805080608070808000500050100000000000a000c000a001d0017001801000101"
    "0010000e000c02683208687474702f312e31003300260024001d00203e4159e785c0d85ae3f1c59cb00512d27a85"
    "73ac8d23946cbaaa2c614e842036002d00020101002b00050403040303fe0d01da0000010001f50020fa1ed15db1"
    "3e72631173d882c284adb747a167504340a36e0b6eb3ffc774a91801b0019064a1584de5a35629e1a0fc475fe080"
    "58cb0ce131c83b5e80b22052a9d6b61d3a3be9f13058094fa1a042c082d4c6af84f73d8c8ff45d536809d581b0eb"
    "c22ad6b98dc5faddfb6c60544de881a7e14c9bd6b0176d256e2792b012308a96bc09c11eea03f36ab6b8d3022934"
    "60fa41acefb0ff0a236014148b337b91830c658f9e6882f3e32b81073d1f4dea690ee48de3c493f96857d766da3b"
    "c2f2c428b2060a13cbbcff20b10194e02294b339ce6f7df94505203076d0d126a22d1b214d555d178de664febc15"
    "b2c60b55f116d965908f05cf00f4abbf0a8f80f8a1fa9e163b511660bebacf4947043a640342bc61060d2088cb77"
    "07cd1c24b36fd20bd3f4edf3b3846e3a4d7b557bab2f1680317610ca26d45332d962f1a0dac71d63dbf890c9fd4e"
    "5157052cc1c23cdd1eb2bbd472fd1cf4bda8353448fba2f27176508dfecfc6acdf867b18076f15c5f0f6a21a4a2b"
    "0d92f8105f2d8fcc9b281d6e81d3c85b2bc975d3e8719f9444a93f0db28cc1713beee7a78d524718f4b7ca92e14b"
    "50814bdbc1a6cf090f2bcb95bd849bd1caed1662023d7c405d5a62024a81e5a8b204a81edcfd5e492052f4871791"
    "89";

Bytes bytes_of(std::string_view text) { return {text.begin(), text.end()}; }
Bytes from_hex_bytes(std::string_view hex) { return bytes_of(from_hex(hex)); }

Bytes operator+(Bytes left, const Bytes& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

Bytes number(std::size_t value, int size) {
  Bytes out;
  while (size-- > 0) out.push_back(static_cast<std::uint8_t>(value >> (8 * size)));
  return out;
}

/// `body` behind its length in `size` bytes.
Bytes counted(int size, const Bytes& body) { return number(body.size(), size) + body; }

Bytes record(const Bytes& body, std::uint8_t type = 22) {
  return Bytes{type, 3, 1} + counted(2, body);
}

Bytes extension(std::size_t type, const Bytes& body) { return number(type, 2) + counted(2, body); }
Bytes host_name(std::string_view name) { return Bytes{0} + counted(2, bytes_of(name)); }
Bytes server_name(const Bytes& names) { return extension(0, counted(2, names)); }
Bytes alpn(const Bytes& protocols) { return extension(16, counted(2, protocols)); }

/// A ClientHello message, sound but for what a test changes.
struct Message {
  Bytes session_id = Bytes(32, 7);
  Bytes cipher_suites = {0x13, 0x01};
  Bytes compression = {0};
  Bytes extensions = server_name(host_name("a.example.com"));
  std::uint8_t type = 1;
  Bytes behind = {};

  [[nodiscard]] Bytes built() const {
    const Bytes body = Bytes{3, 3} + Bytes(32, 1) + counted(1, session_id) +
                       counted(2, cipher_suites) + counted(1, compression) +
                       counted(2, extensions) + behind;
    return Bytes{type} + counted(3, body);
  }
};

Bytes sent(const Message& message) { return record(message.built()); }
Bytes with_extensions(const Bytes& extensions) { return sent({.extensions = extensions}); }

/// `message` in records of at most `size` bytes.
Bytes fragmented(const Bytes& message, std::size_t size) {
  Bytes out;
  for (std::size_t at = 0; at < message.size(); at += size) {
    const auto from = message.begin() + static_cast<std::ptrdiff_t>(at);
    const auto length = static_cast<std::ptrdiff_t>(std::min(size, message.size() - at));
    out = std::move(out) + record(Bytes(from, from + length));
  }
  return out;
}

/// The answer for all of `bytes`, which every prefix must lead up to: need_more, and then the same
/// final answer from some byte on, whatever follows.
HelloResult stable_answer(const Bytes& bytes) {
  HelloResult whole = parse_client_hello(bytes);
  bool decided = false;
  for (std::size_t size = 0; size <= bytes.size(); ++size) {
    const HelloResult part = parse_client_hello(std::span(bytes).first(size));
    decided = decided || part.state != HelloState::need_more;
    EXPECT_EQ(part, decided ? whole : HelloResult{}) << "prefix of " << size;
  }
  for (const std::uint8_t next : Bytes{0, 1, 20, 22, 255}) {
    if (decided) {
      EXPECT_EQ(parse_client_hello(bytes + Bytes(64, next)), whole);
    }
  }
  return whole;
}

TEST(ClientHello, ReadsWhatClientsReallySend) {
  const struct {
    std::string_view hex;
    ClientHello hello;
  } kCases[] = {
      {kOpenssl, {"api.example.com", false, {"h2", "http/1.1"}}},
      {kOpensslNoName, {}},
      {kGnutls, {"github.com", false, {"h2", "http/1.1"}}},
      {kGrease, {"localhost", true, {"h2", "http/1.1"}}},
  };
  for (const auto& [hex, hello] : kCases) {
    SCOPED_TRACE(hex.substr(0, 40));
    const Bytes bytes = from_hex_bytes(hex);
    EXPECT_EQ(stable_answer(bytes), (HelloResult{HelloState::complete, hello}));
    const auto cut = std::span(bytes).first(bytes.size() - 1);
    EXPECT_EQ(parse_client_hello(cut).state, HelloState::need_more);
  }
}

TEST(ClientHello, FragmentationChangesNothing) {
  const Bytes whole = from_hex_bytes(kOpenssl);
  const HelloResult expected = parse_client_hello(whole);
  const Bytes message(whole.begin() + 5, whole.end());
  for (std::size_t at = 1; at < message.size(); ++at) {
    const auto middle = message.begin() + static_cast<std::ptrdiff_t>(at);
    const Bytes two = record({message.begin(), middle}) + record({middle, message.end()});
    EXPECT_EQ(parse_client_hello(two), expected) << at;
    EXPECT_EQ(parse_client_hello(fragmented(message, at)), expected) << at;
  }
  EXPECT_EQ(stable_answer(fragmented(message, 1)), expected);
}

TEST(ClientHello, NothingBehindItIsRead) {
  const Bytes hello = sent({});
  const HelloResult expected{HelloState::complete, {.server_name = "a.example.com"}};
  EXPECT_EQ(stable_answer(hello), expected);
  EXPECT_EQ(parse_client_hello(hello + with_extensions(server_name(host_name("b.evil")))),
            expected);
  EXPECT_EQ(parse_client_hello(hello + record({1}, 20)), expected);  // middlebox compatibility
  EXPECT_EQ(parse_client_hello(hello + Bytes(1 << 20, 0)), expected);
}

TEST(ClientHello, TheNameIsPassedAsItWasSent) {
  using namespace std::string_view_literals;
  for (const std::string_view name :
       {"API.Example.COM"sv, "good.com\0.evil.com"sv, "10.0.0.1"sv, "a.com."sv, "\xff"sv, " "sv}) {
    const HelloResult result = stable_answer(with_extensions(server_name(host_name(name))));
    EXPECT_EQ(result.hello.server_name, name);
    EXPECT_EQ(result.state, HelloState::complete);
  }
}

TEST(ClientHello, SaysThatAnotherNameMayBeEncrypted) {
  const Bytes name = server_name(host_name("outer.example"));
  for (const std::size_t type : {std::size_t{0xfe0d}, std::size_t{0xffce}}) {
    const ClientHello expected{.server_name = "outer.example", .encrypted = true};
    EXPECT_EQ(parse_client_hello(with_extensions(name + extension(type, {}))).hello, expected);
    EXPECT_EQ(parse_client_hello(with_extensions(extension(type, Bytes(400, 9)) + name)).hello,
              expected);
  }
}

TEST(ClientHello, APostQuantumKeyShareFits) {
  const Bytes share = extension(51, Bytes(1258, 5));
  const HelloResult result = stable_answer(with_extensions(share + server_name(host_name("a.b"))));
  EXPECT_EQ(result, (HelloResult{HelloState::complete, {.server_name = "a.b"}}));
}

TEST(ClientHello, OtherProtocolsAreNotTls) {
  const Bytes kCases[] = {
      bytes_of("GET / HTTP/1.1\r\n"),
      bytes_of("SSH-2.0-x\r\n"),
      {0},
      {22, 2, 0},                               // a record of SSL 2.2, which never was
      {21, 3, 1, 0, 2, 1, 0},                   // an alert first
      {23, 3, 3, 0, 1, 0},                      // application data first
      {0x80, 0x2e, 1, 3, 1, 0, 3, 0, 0, 0, 32}  // an SSLv2 hello (RFC 5246 appendix E.2)
  };
  for (const Bytes& bytes : kCases) {
    EXPECT_EQ(stable_answer(bytes), HelloResult{HelloState::not_tls}) << to_hex(bytes);
  }
}

TEST(ClientHello, TwoNamesAreNone) {
  const Bytes good = host_name("good.example");
  const Bytes evil = host_name("evil.example");
  const Bytes other_kind = Bytes{1} + counted(2, bytes_of("x"));
  const Bytes kCases[] = {
      server_name(good) + server_name(evil),  // a filter takes one extension, a server the other
      server_name(good + evil),
      server_name(good + good),
      server_name(other_kind),
      server_name(other_kind +
                  good),  // what follows an unknown kind is laid out as that kind likes
      server_name(good + other_kind),
      server_name(host_name("")),
      server_name({}),
      server_name({0, 0}),
      server_name(good + Bytes{0}),
      extension(0, {}),  // what a server answers, not what a client sends
      extension(0, counted(2, good) + Bytes{0}),
      extension(0, Bytes{0, 200} + good),
      extension(0, counted(2, Bytes{0, 0, 200, 'a'})),
      alpn(Bytes{2, 'h', '2'}) + server_name(good) + alpn(Bytes{2, 'h', '2'}),
      extension(0x1a1a, {}) + extension(0x1a1a, {}),
  };
  for (const Bytes& extensions : kCases) {
    EXPECT_EQ(stable_answer(with_extensions(extensions)), HelloResult{HelloState::malformed})
        << to_hex(extensions);
  }
}

TEST(ClientHello, EveryVectorEndsWhereItSays) {
  const Message kCases[] = {
      {.session_id = Bytes(33, 0)},
      {.cipher_suites = {}},
      {.cipher_suites = {0x13, 0x01, 0x13}},
      {.compression = {}},
      {.type = 2},  // a ServerHello
      {.behind = {0}},
      {.extensions = {0}},
      {.extensions = {0, 5, 0}},
      {.extensions = {0, 5, 0, 1}},
      {.extensions = alpn({})},
      {.extensions = alpn({0})},
      {.extensions = alpn({3, 'h', '2'})},
      {.extensions = alpn({2, 'h', '2', 0})},
      {.extensions = extension(16, {})},
      {.extensions = extension(16, counted(2, {2, 'h', '2'}) + Bytes{1})},
  };
  for (const Message& message : kCases) {
    EXPECT_EQ(stable_answer(sent(message)), HelloResult{HelloState::malformed})
        << to_hex(sent(message));
  }
  Bytes cut = Message{}.built();
  cut.resize(40);
  cut[3] = 36;  // a message that ends within its session id
  EXPECT_EQ(stable_answer(record(cut)), HelloResult{HelloState::malformed});
}

TEST(ClientHello, RecordsCarryTheHelloAndNothingElse) {
  const Bytes message = Message{}.built();
  const Bytes head(message.begin(), message.begin() + 20);
  const Bytes tail(message.begin() + 20, message.end());
  const Bytes kCases[] = {
      record({}) + record(message),                      // empty records are forbidden, and endless
      record(head) + record({}) + record(tail),          //
      record(head) + record({1, 0}, 21) + record(tail),  // a warning alert in between
      record(head) + record({1}, 20) + record(tail),
      record(head) + tail,
      record(message + Bytes{0}),  // the next message in the same record
      record(message + message),
      record(head) + record(tail + Bytes{0}),
      Bytes{22, 3, 1, 0x40, 1, 1, 0, 0, 9},    // a record above 2^14
      record({1, 1, 0, 0}),                    // a hello of 64 KiB
      record({1, 0xff, 0xff, 0xff}),           // or of 16 MiB
      record({0, 0, 0, 0}) + record(message),  // a HelloRequest first
      record({1, 0, 0, 0}),                    // an empty hello
  };
  for (const Bytes& bytes : kCases) {
    EXPECT_EQ(stable_answer(bytes), HelloResult{HelloState::malformed}) << to_hex(bytes);
  }
}

TEST(ClientHello, IsCompleteWithinItsLimitOrNever) {
  const std::size_t rest = sent({.extensions = extension(21, {})}).size();
  const auto padded = [&](std::size_t size) {
    return with_extensions(extension(21, Bytes(size - rest, 0)));
  };
  const Bytes longest = padded(kMaxClientHello);
  ASSERT_EQ(longest.size(), kMaxClientHello);
  EXPECT_EQ(parse_client_hello(longest).state, HelloState::complete);
  const Bytes too_long = padded(kMaxClientHello + 1);
  EXPECT_EQ(parse_client_hello(too_long).state, HelloState::malformed);
  const auto cut = std::span(too_long).first(kMaxClientHello - 1);
  EXPECT_EQ(parse_client_hello(cut).state, HelloState::need_more);
  // The same message in small records costs more bytes on the way.
  const Bytes message(longest.begin() + 5, longest.end());
  EXPECT_EQ(parse_client_hello(fragmented(message, 1)).state, HelloState::malformed);
}

}  // namespace
}  // namespace berm
