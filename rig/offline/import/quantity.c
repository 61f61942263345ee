/* Units by their spellings. Case counts where it makes another unit (mN, MN), and only there. */
#include "rig/offline/import/quantity.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#define STANDARD_GRAVITY 9.80665                         /* m/s^2, by definition (3rd CGPM, 1901) */
#define POUND_N          (0.45359237 * STANDARD_GRAVITY) /* by definition (1959) */

struct unit {
	const char *name;
	double factor;
};

static const struct unit forces[] = {
	{"N", 1},
	{"Newton", 1},
	{"Newtons", 1},
	{"uN", 1e-6},
	{"\xc2\xb5N", 1e-6}, /* the micro sign of Latin-1 */
	{"\xce\xbcN", 1e-6}, /* the Greek letter */
	{"\xb5N", 1e-6},     /* the same in a Latin-1 file */
	{"mN", 1e-3},
	{"cN", 1e-2},
	{"dN", 1e-1},
	{"daN", 10},
	{"kN", 1e3},
	{"MN", 1e6},
	{"mgf", 1e-6 * STANDARD_GRAVITY},
	{"gf", 1e-3 * STANDARD_GRAVITY},
	{"kgf", STANDARD_GRAVITY},
	{"kp", STANDARD_GRAVITY},
	{"lbf", POUND_N},
	{"lbF", POUND_N},
	{"ozf", POUND_N / 16},
	{"ozF", POUND_N / 16},
	{"kgF", STANDARD_GRAVITY},
	{"gF", 1e-3 * STANDARD_GRAVITY},
	{NULL, 0},
};

static const struct unit times[] = {
	{"s", 1},
	{"S", 1},
	{"sec", 1},
	{"secs", 1},
	{"second", 1},
	{"seconds", 1},
	{"Sekunde", 1},
	{"Sekunden", 1},
	{"Sek", 1},
	{"ms", 1e-3},
	{"msec", 1e-3},
	{"millisecond", 1e-3},
	{"milliseconds", 1e-3},
	{"millis", 1e-3},
	{"us", 1e-6},
	{"usec", 1e-6},
	{"\xc2\xb5s", 1e-6},
	{"\xce\xbcs", 1e-6},
	{"\xb5s", 1e-6},
	{"microseconds", 1e-6},
	{"micros", 1e-6},
	{"ns", 1e-9},
	{"nsec", 1e-9},
	{"nanoseconds", 1e-9},
	{"min", 60},
	{"minutes", 60},
	{"h", 3600},
	{"hh:mm:ss", 1}, /* of clock times, which become seconds */
	{"hh:mm:ss.mmm", 1},
	{"mm:ss.mmm", 1},
	{"m:ss.mmm", 1},
	{NULL, 0},
};

static const char *const others[] = {
	"V",
	"mV",
	"uV",
	"\xc2\xb5V",
	"\xb5V",
	"Volt",
	"Volts",
	"A",
	"mA",
	"Amp",
	"mm",
	"um",
	"m",
	"cm",
	"in",
	"g",
	"kg",
	"mg",
	"m/s^2",
	"m/s2",
	"m/s",
	"Pa",
	"kPa",
	"bar",
	"MPa",
	"degC",
	"C",
	"K",
	"\xb0"
	"C",
	"\xc2\xb0"
	"C",
	"Hz",
	"kHz",
	"rpm",
	"%",
	"dB",
	"W",
	"Nm",
	"deg",
	"au",
	"mV/V",
	"um/m",
	"1",
	"counts",
	"count",
	"adu",
	"Ohm",
	"T",
	"V/V",
	NULL,
};

static bool find(const struct unit *table, const char *name, double *ret)
{
	for (const struct unit *u = table; u->name; u++)
		if (strcmp(u->name, name) == 0) {
			*ret = u->factor;
			return true;
		}
	return false;
}

bool quantity_force(const char *unit, double *ret_n)
{
	return find(forces, unit, ret_n);
}

bool quantity_time(const char *unit, double *ret_s)
{
	return find(times, unit, ret_s);
}

static const struct unit lengths[] = {
	{"mm", 1},  {"um", 1e-3}, {"\xc2\xb5m", 1e-3}, {"\xce\xbcm", 1e-3}, {"\xb5m", 1e-3}, {"nm", 1e-6},
	{"cm", 10}, {"m", 1e3},   {"in", 25.4},        {"inch", 25.4},      {"mil", 0.0254}, {NULL, 0},
};

static const struct temperature {
	const char *name;
	double scale, offset;
} temperatures[] = {
	{"degC", 1, 0},
	{"\xc2\xb0"
	 "C",
	 1, 0},
	{"\xb0"
	 "C",
	 1, 0},
	{"C", 1, 0},
	{"Celsius", 1, 0},
	{"K", 1, -273.15},
	{"degF", 5.0 / 9, -160.0 / 9},
	{"\xc2\xb0"
	 "F",
	 5.0 / 9, -160.0 / 9},
	{"\xb0"
	 "F",
	 5.0 / 9, -160.0 / 9},
};

bool quantity_length(const char *unit, double *ret_mm)
{
	return find(lengths, unit, ret_mm);
}

bool quantity_temperature(const char *unit, double *ret_scale, double *ret_offset)
{
	for (size_t i = 0; i < sizeof(temperatures) / sizeof(temperatures[0]); i++) {
		if (strcmp(temperatures[i].name, unit) != 0)
			continue;
		*ret_scale = temperatures[i].scale;
		*ret_offset = temperatures[i].offset;
		return true;
	}
	return false;
}

bool quantity_known(const char *unit)
{
	double factor;

	if (quantity_force(unit, &factor) || quantity_time(unit, &factor))
		return true;
	for (const char *const *name = others; *name; name++)
		if (strcasecmp(*name, unit) == 0)
			return true;
	return false;
}
