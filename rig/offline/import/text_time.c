/* A cell is taken apart at its blanks (and at the T of ISO 8601): each part is a date, a clock or a half of the day. */
#include "rig/offline/import/text_time.h"

#include <math.h>
#include <string.h>
#include <strings.h>

#include "rig/offline/import/text_number.h"

#define FRACTION_DIGITS 17

struct reading {
	const char *at, *end;
	struct text_time *time;
	bool clocked, afternoon, morning;
};

static bool is_digit(char c)
{
	return (unsigned char)(c - '0') < 10;
}

/* Up to `most` digits; -1: none, or more. */
static long digits(struct reading *r, unsigned most)
{
	long value = 0;
	unsigned n = 0;

	for (; r->at < r->end && is_digit(*r->at); r->at++, n++)
		value = n < most ? value * 10 + (*r->at - '0') : value;
	return n > 0 && n <= most ? value : -1;
}

static bool take(struct reading *r, const char *marks)
{
	if (r->at >= r->end || !*r->at || !strchr(marks, *r->at)) /* a NUL would be found at the marks' end */
		return false;
	r->at++;
	return true;
}

/* Days from 1970-01-01 (civil calendar; months counted from March, so that a leap day ends a year). */
static long day_number(long year, long month, long day)
{
	long y = year - (month <= 2), era = y / 400, of_era = y - era * 400;
	long of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static bool date_is(struct reading *r, long year, long month, long day)
{
	if (r->time->dated || month < 1 || month > 12 || day < 1 || day > 31)
		return false;
	r->time->dated = true;
	r->time->day = day_number(year < 100 ? year + 2000 : year, month, day);
	return true;
}

/* Behind the first number and its mark. */
static bool date(struct reading *r, long first, size_t first_digits, char mark)
{
	const char marks[] = {mark, '\0'};
	long second = digits(r, 2), third;

	if (second < 0 || !take(r, marks) || (third = digits(r, 4)) < 0)
		return false;
	if (first_digits == 4)
		return date_is(r, first, second, third);
	if (mark == '.' || first > 12)
		return date_is(r, third, second, first);
	return date_is(r, third, first, second);
}

/* Digits beyond those that a double tells apart are counted, and read over. */
static void fraction(struct reading *r)
{
	double value = 0, place = 1;
	int kept = 0;

	for (; r->at < r->end && is_digit(*r->at); r->at++) {
		r->time->decimals++;
		if (kept == FRACTION_DIGITS)
			continue;
		value = value * 10 + (*r->at - '0');
		place /= 10;
		kept++;
	}
	r->time->second += value * place;
}

static void zone(struct reading *r)
{
	if (take(r, "Zz") || !take(r, "+-"))
		return;
	(void)digits(r, 4);
	if (take(r, ":"))
		(void)digits(r, 2);
}

/* Behind the first number and a colon: hours and minutes and seconds; two numbers with a fraction are minutes. */
static bool clock_time(struct reading *r, long first)
{
	long part[3] = {first, digits(r, 2), 0};
	bool three = part[1] >= 0 && take(r, ":");

	if (three)
		part[2] = digits(r, 2);
	bool fractioned = take(r, ".,");
	if (r->clocked || part[1] < 0 || part[1] > 59 || part[2] < 0 || part[2] > 60 || (!three && !fractioned))
		return false;
	r->clocked = true;
	r->time->second = three ? (double)(part[0] * 3600 + part[1] * 60 + part[2]) : (double)(part[0] * 60 + part[1]);
	if (fractioned)
		fraction(r);
	zone(r);
	return true;
}

static bool half_of_day(struct reading *r)
{
	if (r->end - r->at < 2 || (r->at[1] != 'M' && r->at[1] != 'm'))
		return false;
	r->morning = *r->at == 'A' || *r->at == 'a';
	r->afternoon = *r->at == 'P' || *r->at == 'p';
	r->at += 2;
	return r->morning || r->afternoon;
}

static bool part(struct reading *r)
{
	const char *begin = r->at;

	if (!is_digit(*begin))
		return half_of_day(r);
	long first = digits(r, 9);
	size_t length = (size_t)(r->at - begin);
	char mark = r->at < r->end ? *r->at : '\0';
	if (first < 0 || !mark || !strchr(":-/.", mark))
		return false;
	r->at++;
	return mark == ':' ? clock_time(r, first) : date(r, first, length, mark);
}

bool text_time(const char *at, size_t len, struct text_time *ret)
{
	struct reading r = {.time = ret};

	text_trim(&at, &len);
	if (len >= 2 && at[0] == '[' && at[len - 1] == ']') {
		at++;
		len -= 2;
		text_trim(&at, &len);
	}
	r.at = at;
	r.end = at + len;
	*ret = (struct text_time){.second = 0};
	while (r.at < r.end) {
		if (!part(&r))
			return false;
		while (r.at < r.end && (*r.at == ' ' || *r.at == 'T' || *r.at == '\t'))
			r.at++;
	}
	if (r.morning || r.afternoon)
		ret->second = fmod(ret->second, 43200) + (r.afternoon ? 43200 : 0);
	return r.clocked;
}
