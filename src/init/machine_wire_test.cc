#include "init/machine_wire.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <string>
#include <vector>

namespace berm::init::machine {
namespace {

// What a reader makes of bytes that come in pieces of `step`.
struct Heard {
  std::vector<std::pair<Kind, std::string>> frames;
  bool sound = true;
};
Heard heard(const std::string& bytes, std::size_t step) {
  Heard out;
  FrameReader reader;
  int ends[2];
  EXPECT_EQ(::pipe(ends), 0);
  for (std::size_t at = 0; at < bytes.size() && out.sound; at += step) {
    const std::string piece = bytes.substr(at, step);
    EXPECT_EQ(::write(ends[1], piece.data(), piece.size()), static_cast<ssize_t>(piece.size()));
    out.sound = reader.read_from(ends[0]);
    Frame frame{};
    const char* payload = nullptr;
    while (out.sound && reader.next(frame, payload)) {
      out.frames.emplace_back(frame.kind, std::string(payload, frame.size));
    }
  }
  ::close(ends[0]);
  ::close(ends[1]);
  return out;
}

std::string sent(Kind kind, const std::string& payload) {
  int ends[2];
  EXPECT_EQ(::pipe(ends), 0);
  EXPECT_TRUE(send_frame(ends[1], kind, 3, payload.data(), payload.size()));
  std::string out(sizeof(Frame) + payload.size(), '\0');
  EXPECT_EQ(::read(ends[0], out.data(), out.size()), static_cast<ssize_t>(out.size()));
  ::close(ends[0]);
  ::close(ends[1]);
  return out;
}

TEST(MachineWire, FramesAreWholeHoweverTheyAreCut) {
  const std::string large(kMostPayload, 'x');
  const std::string bytes = sent(Kind::out, "one") + sent(Kind::started, "") +
                            sent(Kind::err, large) + sent(Kind::out, "two");
  for (const std::size_t step :
       {std::size_t{1}, std::size_t{7}, std::size_t{4096}, std::size_t{60000}}) {
    const Heard got = heard(bytes, step);
    ASSERT_EQ(got.frames.size(), 4U) << step;
    EXPECT_EQ(got.frames[0], std::pair(Kind::out, std::string("one")));
    EXPECT_EQ(got.frames[2].second, large);
    EXPECT_EQ(got.frames[3].second, "two");
  }
}

TEST(MachineWire, WhatMakesNoSenseEndsTheConversation) {
  const auto refused = [](const Frame& frame) {
    std::string bytes(reinterpret_cast<const char*>(&frame), sizeof frame);
    bytes += "more";
    const Heard got = heard(bytes, 4);
    return !got.sound && got.frames.empty();
  };
  EXPECT_TRUE(refused({Kind::out, 0, 0, kMostPayload + 1}));
  EXPECT_TRUE(refused({Kind::out, 0, 0, 0xffffffff}));
  EXPECT_TRUE(refused({Kind::question, kMostChannels, 0, 1}));
  EXPECT_TRUE(refused({Kind::out, 0, 1, 1}));
}

TEST(MachineWire, NothingLargerThanAFrameIsSent) {
  const std::string large(kMostPayload + 1, 'x');
  EXPECT_FALSE(send_frame(-1, Kind::out, 0, large.data(), large.size()));
}

}  // namespace
}  // namespace berm::init::machine
