/* The profiles of fixtures/profiles/ and their dialogues, as they are in the program. */
#ifndef PENRIG_DRIVERS_PROFILE_SHIPPED_H
#define PENRIG_DRIVERS_PROFILE_SHIPPED_H

#include "rig/driver/driver.h"

/* The i-th, in the order of `penrig profile list`; NULL behind the last. */
const struct shipped_profile *shipped_at(unsigned i);

/* By its name; NULL: none is shipped under it. *ret_near, where it is not NULL, is the name that may have been meant. */
const struct shipped_profile *shipped_find(const char *name, const char **ret_near);

#endif
