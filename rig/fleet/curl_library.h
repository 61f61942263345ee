/* libcurl, loaded when a site has its files in an object store. Only this header includes its own. */
#ifndef PENRIG_FLEET_CURL_LIBRARY_H
#define PENRIG_FLEET_CURL_LIBRARY_H

#include "rig/base/error.h"

#define CURL_PACKAGE_BUILD "libcurl4-openssl-dev"
#define CURL_PACKAGE       "libcurl4"
#define CURL_OLDEST        0x075800 /* 7.88, of the library that is loaded, and of its headers (tests/tools/configure.sh) */

#ifdef PENRIG_CURL

#define CURL_DISABLE_TYPECHECK /* its macros call functions by their names */
#include <curl/curl.h>
#undef curl_easy_setopt
#undef curl_easy_getinfo

/* clang-format off */
#define CURL_FUNCTIONS(X) \
	X(curl_version_info) X(curl_global_init) X(curl_easy_init) X(curl_easy_setopt) X(curl_easy_getinfo) X(curl_easy_perform) X(curl_easy_reset) \
	X(curl_easy_cleanup) X(curl_easy_strerror) X(curl_slist_append) X(curl_slist_free_all)
/* clang-format on */

#define CURL_MEMBER(name) __typeof__(name) *name;
struct curl_library {
	CURL_FUNCTIONS(CURL_MEMBER)
};
#undef CURL_MEMBER

extern struct curl_library curl; /* of use after curl_load() */

#endif

/* Once or again, by one thread. -ENOENT: it is not there, or not in this build, with what to install; -ENOTSUP: it is another. */
int curl_load(struct err *err);

#endif
