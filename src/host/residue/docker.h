// src/host/residue/docker.h: credentials in the build history of docker's images.
#pragma once

#include "host/residue.h"

namespace berm::residue {

/// Adds an image for each whose history has a line with a credential; a note if it cannot look.
void find_in_docker(const ResidueSearch& search, ResidueReport& report);

}  // namespace berm::residue
