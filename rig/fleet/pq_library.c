#include "rig/fleet/pq_library.h"

#include <stddef.h>

const char *pq_file(void)
{
#ifdef PENRIG_PQ
	return PENRIG_PQ;
#else
	return NULL;
#endif
}

#ifdef PENRIG_PQ

#include "rig/fleet/on_demand.h"

struct pq_library pq;

#define SYMBOL(name) {#name, &pq.name},
static const struct on_demand_symbol symbols[] = {PQ_FUNCTIONS(SYMBOL)};

int pq_load(struct err *err)
{
	const struct on_demand library = {PENRIG_PQ, PQ_PACKAGE, "a fleet", symbols,
					  sizeof(symbols) / sizeof(symbols[0])};

	return on_demand_load(&library, err);
}

#endif
