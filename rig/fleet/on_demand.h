/* Libraries that are loaded when they are asked for: what every other command would map for nothing, or a computer may lack. */
#ifndef PENRIG_FLEET_ON_DEMAND_H
#define PENRIG_FLEET_ON_DEMAND_H

#include <stddef.h>

#include "rig/base/error.h"

struct on_demand {
	const char *file, *package, *use; /* use: "a fleet": what needs it */
	const struct on_demand_symbol {
		const char *name;
		void *address; /* of the function pointer that is set */
	} * symbols;
	size_t count;
};

/* Once or again. -ENOENT with text: it is not there, with what to install; -ENOTSUP: it is another. */
int on_demand_load(const struct on_demand *library, struct err *err);

#endif
