// src/record/story_processes.h: which tool call a started program, or a host that was reached,
// belongs to.
//
// What is known of a process: who started it, with which words, and when. The agent starts the
// first process of a call itself, between the hook that asks and the hook that tells the end; what
// that process starts belongs to the same call, however late. Calls that run side by side are told
// apart by their words, which stand in the argv of the shell or, where that is cut, in the argv of
// what the shell starts.
#pragma once

#include "record/story.h"
#include "record/story_calls.h"
#include "record/story_events.h"

namespace berm::story {

/// Fills in processes and hosts of `calls`, and what in `story` belongs to no call.
void tie_processes(const Events& events, Calls& calls, Story& story);

}  // namespace berm::story
