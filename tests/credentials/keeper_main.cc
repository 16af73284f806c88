// tests/credentials/keeper_main.cc: the broker's child as a program of its own. Tests only.
#include <cstring>

#include "credentials/broker_child.h"

int main(int argc, char** argv) {
  if (argc != 2 || std::strcmp(argv[1], "--child") != 0) return 2;
  return berm::serve_broker();
}
