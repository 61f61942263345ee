/* Ahead of every file that an analyzer reads (tests/tools/analyze-source.sh): it looks into no other file, and would otherwise think that
 * err_set() may return 0, a failure that nobody notices. rig/base/error.h says that it does not. */
#include "rig/base/error.h"

#define err_set(err, code, ...)                                                                                        \
	__extension__({                                                                                                \
		int analyzed_code = (code);                                                                            \
		err_set(err, analyzed_code, __VA_ARGS__);                                                              \
		if (analyzed_code >= 0)                                                                                \
			__builtin_unreachable();                                                                       \
		analyzed_code;                                                                                         \
	})
