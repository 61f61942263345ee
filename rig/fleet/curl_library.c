#include "rig/fleet/curl_library.h"

#include <errno.h>

#include "rig/fleet/on_demand.h"

#ifdef PENRIG_CURL

struct curl_library curl;

#define SYMBOL(name) {#name, &curl.name},
static const struct on_demand_symbol symbols[] = {CURL_FUNCTIONS(SYMBOL)};

int curl_load(struct err *err)
{
	const struct on_demand library = {PENRIG_CURL, CURL_PACKAGE, "an object store", symbols,
					  sizeof(symbols) / sizeof(symbols[0])};
	int rc = on_demand_load(&library, err);

	if (!rc && curl.curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		rc = err_set(err, -ENOMEM, "%s does not begin", PENRIG_CURL);
	return rc;
}

#else

int curl_load(struct err *err)
{
	return err_set(
		err, -ENOENT,
		"this penrig was built without libcurl: install it (Debian, Ubuntu: apt-get install %s) and build "
		"it again",
		CURL_PACKAGE_BUILD);
}

#endif
