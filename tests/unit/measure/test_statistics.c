/* Moments against the NIST StRD sets; factors against published tables. */
#include "tests/unit/measure/check.h"

#include <stdlib.h>
#include <string.h>

#include "rig/measure/statistics.h"
#include "tests/unit/measure/data/michelso.h"

static void michelso_to_the_certified_digits(void **state)
{
	struct moments m = {0};

	(void)state;
	for (unsigned i = 0; i < 100; i++)
		moments_add(&m, michelso[i]);
	check_near(m.mean, MICHELSO_MEAN, 1e-12);
	check_near(moments_sd(&m), MICHELSO_SD, 1e-14);
	check_near(moments_lag1(&m), MICHELSO_LAG1, 1e-12);
	check_near(m.min, 299.62, 0.0);
	check_near(m.max, 300.07, 0.0);
}

/* NumAcc2..4: base, then alternately base - 0.1 and base + 0.1, 1001 values; mean base, sd 0.1, r(1) = -0.999. */
static void alternating(double base, double sd_tolerance, double lag_tolerance)
{
	struct moments m = {0};

	moments_add(&m, base);
	for (unsigned i = 0; i < 500; i++) {
		moments_add(&m, base - 0.1);
		moments_add(&m, base + 0.1);
	}
	check_near(m.mean, base, base * 1e-15 * 4.0);
	check_near(moments_sd(&m), 0.1, sd_tolerance);
	check_near(moments_lag1(&m), -0.999, lag_tolerance);
}

static void numacc(void **state)
{
	struct moments m = {0};

	(void)state;
	moments_add(&m, 10000001);
	moments_add(&m, 10000003);
	moments_add(&m, 10000002);
	check_near(m.mean, 10000002.0, 0.0);
	check_near(moments_sd(&m), 1.0, 0.0);
	check_near(moments_lag1(&m), -0.5, 1e-15);
	alternating(1.2, 1e-14, 1e-12);
	alternating(1000000.2, 1e-10, 1e-8);
	alternating(10000000.2, 1e-8, 1e-7);
}

static void effective_n_of_a_correlated_series(void **state)
{
	struct moments white = {0}, red = {0}, constant = {0};
	uint64_t s = 1;
	double x = 0.0;

	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		s = s * 6364136223846793005u + 1442695040888963407u;
		double u = (double)(s >> 11) * 0x1p-53 - 0.5;

		x = 0.5 * x + u;
		moments_add(&white, u);
		moments_add(&red, x);
		moments_add(&constant, 3.0);
	}
	/* AR(1) with phi = 0.5: n (1 - phi) / (1 + phi) = n / 3 */
	check_near(moments_effective_n(&red) / 20000.0, 1.0 / 3.0, 0.03);
	check_near(moments_effective_n(&white) / 20000.0, 1.0, 0.06);
	check_near(moments_effective_n(&constant), 20000.0, 0.0);
	assert_true(isnan(moments_lag1(&constant)));
}

/* By its definition, of so few values that each lag's share of them counts. */
static void effective_n_of_a_short_series(void **state)
{
	static const double x[] = {1, 2, 4, 5, 4, 6, 7, 6, 4, 3, 2, 1, 0, 1, 2, 1, 3, 5, 6, 7, 8, 6, 5, 4};
	enum { N = sizeof(x) / sizeof(x[0]) };
	struct moments m = {0};
	double mean = 0.0, square = 0.0, sum = 0.0;

	(void)state;
	for (unsigned i = 0; i < N; i++) {
		moments_add(&m, x[i]);
		mean += x[i] / N;
	}
	for (unsigned i = 0; i < N; i++)
		square += (x[i] - mean) * (x[i] - mean);
	for (unsigned k = 1; k < N / 2; k++) {
		double rho = 0.0;

		for (unsigned i = k; i < N; i++)
			rho += (x[i] - mean) * (x[i - k] - mean) / square;
		if (rho <= 0.0)
			break;
		sum += (1.0 - (double)k / N) * rho;
	}
	check_less(1.0, sum);
	check_near(moments_effective_n(&m), N / (1.0 + 2.0 * sum), 1e-9);
}

static void few_values(void **state)
{
	struct moments m = {0};

	(void)state;
	assert_true(isnan(moments_sd(&m)));
	moments_add(&m, 5.0);
	assert_true(isnan(moments_sd(&m)));
	assert_true(isnan(moments_lag1(&m)));
	check_near(moments_effective_n(&m), 1.0, 0.0);
}

/* JCGM 100, table G.2, and ISO 16269-6 style two-sided factors (exact ones, to which Howe's comes within 1 %). */
static void factors(void **state)
{
	(void)state;
	check_near(student_k(1.0), 12.71, 0.005);
	check_near(student_k(4.0), 2.78, 0.005);
	check_near(student_k(4.99), 2.78, 0.005);
	check_near(student_k(10.0), 2.23, 0.005);
	check_near(student_k(50.0), 2.01, 0.005);
	check_near(student_k(INFINITY), 1.960, 0.0005);
	check_near(student_k(0.2), 12.71, 0.005);
	check_near(student_k(16.0), 2.12, 0.005);
	check_near(tolerance_k(43.0, 0.90, 0.99), 2.217, 0.01); /* NIST e-Handbook 7.2.6.3 (Howe: 2.217) */
	check_near(tolerance_k(10.0, 0.95, 0.95), 3.379, 0.034);
	check_near(tolerance_k(30.0, 0.95, 0.99), 2.841, 0.028);
	check_near(tolerance_k(100.0, 0.95, 0.99), 2.355, 0.024);
	check_near(tolerance_k(1e6, 0.95, 0.99), 1.963, 0.001);
	for (double n = 500.0; n < 1e8; n *= 1.7) {
		check_less(tolerance_k(1.7 * n, 0.95, 0.99), tolerance_k(n, 0.95, 0.99));
		check_near(student_k(n), 1.96, 0.006);
	}
	check_near(tolerance_k(1001.01, 0.95, 0.99), tolerance_k(1000.99, 0.95, 0.99), 1e-4);
	assert_true(isinf(tolerance_k(1.0, 0.95, 0.99)));
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Every rank of values that are random, equal in part or altogether, rising or falling. */
static void kth_of_many(void **state)
{
	uint64_t drawn = 1;

	(void)state;
	for (unsigned trial = 0; trial < 5000; trial++) {
		double x[70], sorted[70], copy[70];
		unsigned n = 1 + trial % 70, form = trial / 70 % 5;

		for (unsigned i = 0; i < n; i++) {
			drawn = drawn * 6364136223846793005 + 1442695040888963407;
			double any = (double)(drawn >> 40), few = (double)(drawn >> 62);
			x[i] = form == 0 ? any - 8e6 : form == 1 ? few : form == 2 ? 7.0 : form == 3 ? i : -(double)i;
		}
		memcpy(sorted, x, sizeof(x));
		qsort(sorted, n, sizeof(*sorted), by_size);
		for (unsigned k = 0; k < n; k++) {
			memcpy(copy, x, sizeof(x));
			assert_true(select_kth(copy, n, k) == sorted[k]);
			qsort(copy, n, sizeof(*copy), by_size);
			assert_memory_equal(copy, sorted, n * sizeof(*copy)); /* put into another order, and no more */
		}
	}
	double none[] = {1.0, NAN, 2.0, NAN};
	(void)select_kth(none, 4, 2); /* ends */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(michelso_to_the_certified_digits),
		cmocka_unit_test(numacc),
		cmocka_unit_test(effective_n_of_a_correlated_series),
		cmocka_unit_test(effective_n_of_a_short_series),
		cmocka_unit_test(few_values),
		cmocka_unit_test(factors),
		cmocka_unit_test(kth_of_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
