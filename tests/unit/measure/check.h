/* cmocka with the numbers in the message. */
#ifndef PENRIG_TESTS_UNIT_MEASURE_CHECK_H
#define PENRIG_TESTS_UNIT_MEASURE_CHECK_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define check_near(value, expected, tolerance)                                                                         \
	do {                                                                                                           \
		double v_ = (value), e_ = (expected), t_ = (tolerance);                                                \
                                                                                                                       \
		if (!(fabs(v_ - e_) <= t_))                                                                            \
			fail_msg("%s is %.17g, not %.17g within %.3g", #value, v_, e_, t_);                            \
	} while (0)

#define check_less(value, bound)                                                                                       \
	do {                                                                                                           \
		double v_ = (value), b_ = (bound);                                                                     \
                                                                                                                       \
		if (!(v_ < b_))                                                                                        \
			fail_msg("%s is %.17g, not below %.17g", #value, v_, b_);                                      \
	} while (0)

#endif
