#include "rig/fleet/curl_library.h"

#include <errno.h>

#include "rig/fleet/on_demand.h"

#ifdef PENRIG_CURL

struct curl_library curl;

#define SYMBOL(name) {#name, &curl.name},
static const struct on_demand_symbol symbols[] = {CURL_FUNCTIONS(SYMBOL)};

/* What an older one does not know of its options it refuses quietly. */
static int check_version(struct err *err)
{
	const curl_version_info_data *info = curl.curl_version_info(CURLVERSION_FIRST);

	return info->version_num >= CURL_OLDEST ? 0
						: err_set(err, -ENOTSUP,
							  "%s has version %.40s: an object store needs 7.88 or later, "
							  "or a folder takes its place",
							  PENRIG_CURL, info->version);
}

int curl_load(struct err *err)
{
	const struct on_demand library = {PENRIG_CURL, CURL_PACKAGE, "an object store", symbols,
					  sizeof(symbols) / sizeof(symbols[0])};
	int rc = on_demand_load(&library, err);

	if (!rc)
		rc = check_version(err);
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
