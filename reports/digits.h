/* How every report writes a value and its uncertainty: the value ends where the uncertainty does (rig/measure/digits.h),
 * and never so early that the printed digits would be judged otherwise than the full ones. */
#ifndef PENRIG_REPORTS_DIGITS_H
#define PENRIG_REPORTS_DIGITS_H

#include <stddef.h>

#include "rig/record/record.h"

#define DIGITS_EXACT    17 /* significant: the shortest text that reads back the same */
#define DIGITS_TEXT_MAX 32 /* sign, 17 digits, point, "e-308", end: 25 */

/* Significant digits, for programs: DIGITS_PROGRAMS of the expanded uncertainty and of the standard one, the value's to
 * the same decimal place; more of both where the outcome would be another. DIGITS_EXACT where there is no uncertainty. */
struct digits {
	int value, u;
};
struct digits digits_of(const struct finding *finding);

/* The value with so many significant digits; with DIGITS_EXACT the fewest that read back the same. */
void digits_text(double value, int digits, char ret[DIGITS_TEXT_MAX]);

/* For people: a risk as "0.34 %", and no more digits than one is worth: "below 0.0001 %" beneath the least that is told by
 * a figure. */
#define DIGITS_RISK_LEAST 1e-6
void digits_risk(double risk, char ret[DIGITS_TEXT_MAX]);

/* For people: "1.0034 ± 0.0051", DIGITS_PEOPLE of the uncertainty; plus_minus: the sign between. Without an uncertainty
 * (an exact count) the value alone; "-" for a value that is not finite. Bounded by size; at most 23 columns. */
void digits_pair(double value, double expanded_u, const char *plus_minus, char *ret, size_t size);

#endif
