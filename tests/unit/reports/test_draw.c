/* Graphs: what stands where on the page, what is left out, and the numbers of a point whose strokes are known. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "reports/draw/plot.h"
#include "reports/draw/svg.h"

#define FS_HZ 10000.0

static void assert_near(double value, double expected, double slack)
{
	if (!(fabs(value - expected) <= slack))
		fail_msg("%.9g is not %.9g", value, expected);
}

struct page {
	FILE *out;
	char *text;
	size_t len;
};

static void page_begin(struct page *page)
{
	page->text = NULL;
	page->out = open_memstream(&page->text, &page->len);
	assert_non_null(page->out);
}

static void page_is(struct page *page, const char *expected)
{
	assert_int_equal(fclose(page->out), 0);
	assert_string_equal(page->text, expected);
	free(page->text);
}

/* 100 px for 10 in x, 50 px for 5 in y, whose foot lies at 70 px. */
static struct svg_axes axes_on(struct page *page)
{
	return (struct svg_axes){.out = page->out,
				 .left = 10,
				 .top = 20,
				 .width = 100,
				 .height = 50,
				 .x0 = 0,
				 .x1 = 10,
				 .y0 = 0,
				 .y1 = 5};
}

static void test_marks_stand_where_their_values_say(void **state)
{
	static const double x[] = {0, 5, 10}, y[] = {0, 5, 2.5};
	struct page page;
	struct svg_axes axes;

	(void)state;
	page_begin(&page);
	axes = axes_on(&page);
	svg_dot(&axes, 10, 0, 2, SVG_DATA);
	page_is(&page, "<circle cx=\"110.0\" cy=\"70.0\" r=\"2.0\" fill=\"" SVG_DATA "\"/>\n");
	page_begin(&page);
	axes = axes_on(&page);
	svg_line(&axes, x, y, 3, SVG_MODEL);
	page_is(&page, "<path fill=\"none\" stroke=\"" SVG_MODEL
		       "\" stroke-width=\"1.6\" d=\"M10.0 70.0L60.0 20.0L110.0 45.0\"/>\n");
	page_begin(&page);
	axes = axes_on(&page);
	svg_box(&axes, 1, 4, 3, 1, SVG_BAND);
	page_is(&page, "<rect x=\"20.0\" y=\"30.0\" width=\"20.0\" height=\"30.0\" fill=\"" SVG_BAND "\"/>\n");
}

static void test_what_is_not_finite_is_left_out(void **state)
{
	static const double x[] = {0, 2, 4, 6, 8}, y[] = {0, 1, NAN, 1, 0};
	struct page page;
	struct svg_axes axes;

	(void)state;
	page_begin(&page);
	axes = axes_on(&page);
	svg_dot(&axes, NAN, 1, 2, SVG_DATA);
	svg_dot(&axes, 1, INFINITY, 2, SVG_DATA);
	svg_box(&axes, 0, NAN, 1, 1, SVG_DATA);
	svg_line(&axes, x, y, 5, SVG_DATA);
	page_is(&page, "<path fill=\"none\" stroke=\"" SVG_DATA
		       "\" stroke-width=\"1.6\" d=\"M10.0 70.0L30.0 60.0M70.0 60.0L90.0 70.0\"/>\n");
}

static void test_text_is_escaped(void **state)
{
	struct page page;

	(void)state;
	page_begin(&page);
	svg_text(page.out, 1, 2, 12, "start", "<a> & \x01");
	page_is(&page, "<text x=\"1.0\" y=\"2.0\" font-size=\"12\" text-anchor=\"start\">&lt;a&gt; &amp; ?</text>\n");
}

static void test_range_widens_and_is_never_empty(void **state)
{
	double lo = 1, hi = 3;

	(void)state;
	svg_range(&lo, &hi, 0.1);
	assert_near(lo, 0.8, 1e-12);
	assert_near(hi, 3.2, 1e-12);
	lo = hi = 50;
	svg_range(&lo, &hi, 0.1);
	assert_near(lo, 49.5, 1e-12);
	assert_near(hi, 50.5, 1e-12);
	lo = INFINITY;
	hi = -INFINITY; /* extremes of nothing */
	svg_range(&lo, &hi, 0.1);
	assert_true(isfinite(lo) && isfinite(hi) && lo < 0 && hi > 0);
}

static void test_ticks_are_round_numbers(void **state)
{
	struct page page;
	struct svg_axes axes;

	(void)state;
	page_begin(&page);
	axes = axes_on(&page);
	axes.height = 100;
	axes.y1 = 0.004;
	svg_frame(&axes, "time / s", "depth / mm");
	assert_int_equal(fclose(page.out), 0);
	assert_non_null(strstr(page.text, ">0</text>"));
	assert_non_null(strstr(page.text, ">2</text>"));
	assert_non_null(strstr(page.text, ">10</text>"));
	assert_null(strstr(page.text, ">1</text>"));
	assert_non_null(strstr(page.text, ">0.000</text>"));
	assert_non_null(strstr(page.text, ">0.001</text>"));
	assert_non_null(strstr(page.text, ">0.004</text>"));
	assert_non_null(strstr(page.text, "rotate(-90)"));
	free(page.text);
}

/* In a low frame there is room for few of them. */
static void test_numbers_do_not_touch(void **state)
{
	struct page page;
	struct svg_axes axes;
	unsigned numbers = 0;

	(void)state;
	page_begin(&page);
	axes = axes_on(&page);
	axes.height = 80;
	axes.y1 = 0.034;
	svg_frame(&axes, "", "moving range");
	assert_int_equal(fclose(page.out), 0);
	for (const char *at = page.text; (at = strstr(at, "text-anchor=\"end\">0.0")); at++)
		numbers++;
	assert_in_range(numbers, 2, 5);
	assert_null(strstr(page.text, ">0.005</text>"));
	free(page.text);
}

/* One below the other, as wear and charts are: what the second clips is not the first one's frame. */
static void test_each_picture_has_its_own_clip(void **state)
{
	struct page page;
	struct svg_axes axes;

	(void)state;
	page_begin(&page);
	axes = axes_on(&page);
	for (unsigned i = 0; i < 2; i++) {
		svg_clip_begin(&axes, "same");
		svg_clip_end(&axes);
		axes.top += 380;
	}
	assert_int_equal(fclose(page.out), 0);
	char *first = strstr(page.text, "url(#"), *second = strstr(first + 1, "url(#");
	assert_non_null(second);
	assert_int_not_equal(strncmp(first, second, strcspn(first, ")")), 0);
	for (char *at = first; at; at = strstr(at + 1, "url(#")) {
		char id[120];

		snprintf(id, sizeof(id), "<clipPath id=\"%.*s\"", (int)strcspn(at + 5, ")"), at + 5);
		assert_non_null(strstr(page.text, id));
	}
	free(page.text);
}

static void test_a_long_name_stays_on_the_page(void **state)
{
	struct page page;
	char name[120];

	(void)state;
	memset(name, 'W', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	page_begin(&page);
	svg_heading_within(page.out, 90, 24, 14, 800, "PEN-GOOD-01: depth_error_mm at 1 mm");
	fflush(page.out);
	assert_null(strstr(page.text, "textLength"));
	svg_heading_within(page.out, 90, 24, 14, 800, name);
	assert_int_equal(fclose(page.out), 0);
	assert_non_null(strstr(page.text, "textLength=\"800\" lengthAdjust=\"spacingAndGlyphs\">WWW"));
	free(page.text);
}

/* ---- the data of a point --------------------------------------------------------------------------------------- */

static void feed(struct plot_data *d, unsigned strokes, double depth_mm)
{
	for (unsigned i = 0; i < strokes; i++) {
		double odd = i % 2 ? 1 : -1;
		struct stroke stroke = {.number = i,
					.phase = POINT_MEASURE,
					.instant = 1000 + i * 100.0 + (i >= 600 ? 100 : 0) + 0.01 * odd,
					.height_n = 0.5,
					.depth_mm = depth_mm + 0.001 * odd + 0.00001 * i};
		plot_data_stroke(d, &stroke);
	}
}

/* Residuals of 1 mN between the pulses and of 2 mN in them. */
static void feed_residuals(struct plot_data *d, unsigned strokes)
{
	static float phase[RESIDUAL_CHUNK_MAX], pulse[RESIDUAL_CHUNK_MAX], residual[RESIDUAL_CHUNK_MAX];
	struct residual_chunk chunk = {.n = RESIDUAL_CHUNK_MAX,
				       .phase = phase,
				       .pulse_n = pulse,
				       .residual_n = residual,
				       .stride = 1,
				       .height_n = 0.5,
				       .templated = 1,
				       .noise_n = 0.001};

	for (unsigned i = 0; i < RESIDUAL_CHUNK_MAX; i++) {
		phase[i] = (float)i / RESIDUAL_CHUNK_MAX - 0.5f;
		pulse[i] = i < RESIDUAL_CHUNK_MAX / 2 ? 0.0f : 0.5f;
		residual[i] = i < RESIDUAL_CHUNK_MAX / 2 ? 0.001f : 0.002f;
	}
	for (chunk.stroke = 0; chunk.stroke < strokes; chunk.stroke++)
		plot_data_residual(d, &chunk);
}

static void test_series_have_their_trend_and_no_odd_interval(void **state)
{
	struct plot_data *d = calloc(1, sizeof(*d));
	struct stroke spin_up = {.phase = POINT_SPIN_UP, .depth_mm = 99};
	char text[PLOT_TEXT_MAX];

	(void)state;
	assert_non_null(d);
	plot_data_reset(d, FS_HZ);
	plot_data_stroke(d, &spin_up); /* of another phase: not the window's */
	feed(d, 1200, 1.0);            /* more than the first room */
	assert_int_equal(plot_data_prepare(d), 0);
	assert_int_equal(d->strokes, 1200);
	assert_true(d->has_depth);
	assert_near(d->depth_mean, 1.0 + 0.00001 * 599.5, 1e-9);
	assert_near(d->depth_slope_per_s, 0.001, 1e-5);
	assert_near(d->depth_sd, 0.001, 1e-6);
	assert_int_equal(d->odd_intervals, 1); /* the missed stroke before number 600 */
	assert_int_equal(d->interval.n, 1198);
	assert_near(d->interval_mean_us, 1e4, 0.1);
	assert_true(d->depth.p < PLOT_STRUCTURE_P);
	plot_say_depth(d, text);
	assert_non_null(strstr(text, "mean 1.0060 mm, sd 1.000 um"));
	assert_non_null(strstr(text, "STRUCTURE"));
	plot_say_interval(d, text);
	assert_non_null(strstr(text, "; 1 odd ones left out"));
	plot_say_early(d, text);
	assert_string_equal(text, "");
	plot_data_release(d);
	free(d);
}

/* Words may say nan; a mark must stand somewhere. */
static const char *nan_in_a_mark(const char *svg)
{
	for (const char *nan = svg; (nan = strstr(nan, "nan")); nan++) {
		const char *end = strchr(nan, '>'), *begin = strchr(nan, '<');

		if (end && (!begin || end < begin))
			return nan;
	}
	return NULL;
}

static void test_force_stands_in_for_a_depth_that_is_missing(void **state)
{
	struct plot_data *d = calloc(1, sizeof(*d));
	struct page page;
	char text[PLOT_TEXT_MAX];

	(void)state;
	assert_non_null(d);
	plot_data_reset(d, FS_HZ);
	feed_residuals(d, 30);
	feed(d, 30, NAN);
	assert_int_equal(plot_data_prepare(d), 0);
	assert_false(d->has_depth);
	plot_say_depth(d, text);
	assert_non_null(strstr(text, "mean 0.5000 N"));
	page_begin(&page);
	plot_page(page.out, d, "Point 1 <free>", "sub");
	assert_int_equal(fclose(page.out), 0);
	assert_non_null(strstr(page.text, "Point 1 &lt;free&gt;"));
	assert_non_null(strstr(page.text, "3  Force pulse of each stroke (it has no depth)"));
	assert_null(nan_in_a_mark(page.text));
	assert_non_null(strstr(page.text, "</svg>\n"));
	free(page.text);
	plot_data_release(d);
	free(d);
}

static void test_dots_stay_bounded_and_keep_their_share(void **state)
{
	struct plot_data *d = calloc(1, sizeof(*d));

	(void)state;
	assert_non_null(d);
	plot_data_reset(d, FS_HZ);
	feed_residuals(d, 40);
	feed(d, 40, 1.0);
	assert_int_equal(plot_data_prepare(d), 0);
	assert_true(d->dots > PLOT_DOTS_MAX / 2 && d->dots <= PLOT_DOTS_MAX);
	assert_int_equal(d->dot_stride, 4); /* 20 480 values: thinned twice */
	assert_near(d->rms_free_n, 0.001, 1e-9);
	assert_near(d->rms_contact_n, 0.002, 1e-9);
	plot_data_release(d);
	free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_marks_stand_where_their_values_say),
		cmocka_unit_test(test_what_is_not_finite_is_left_out),
		cmocka_unit_test(test_text_is_escaped),
		cmocka_unit_test(test_range_widens_and_is_never_empty),
		cmocka_unit_test(test_ticks_are_round_numbers),
		cmocka_unit_test(test_numbers_do_not_touch),
		cmocka_unit_test(test_each_picture_has_its_own_clip),
		cmocka_unit_test(test_a_long_name_stays_on_the_page),
		cmocka_unit_test(test_series_have_their_trend_and_no_odd_interval),
		cmocka_unit_test(test_force_stands_in_for_a_depth_that_is_missing),
		cmocka_unit_test(test_dots_stay_bounded_and_keep_their_share),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
