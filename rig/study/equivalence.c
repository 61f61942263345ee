/* E_n. */
#include "rig/study/equivalence.h"

#include <math.h>
#include <stdbool.h>

#include "rig/measure/distribution.h"
#include "rig/measure/statistics.h"

#define COVERAGE    2.0
#define WANTED      0.8 /* of offsets to be found */
#define BEYOND_FOUR 4.0

/* What the pen is taken to have: the reference's value, or the mean of the other benches'. */
static bool assigned(const struct equivalence_value *x, unsigned benches, unsigned bench, int reference,
		     struct equivalence_value *ret)
{
	double sum = 0.0, squares = 0.0;
	unsigned n = 0;

	for (unsigned b = 0; b < benches; b++) {
		if (b == bench || (reference >= 0 && b != (unsigned)reference) || !isfinite(x[b].value))
			continue;
		sum += x[b].value;
		squares += x[b].expanded_u * x[b].expanded_u;
		n++;
	}
	*ret = (struct equivalence_value){sum / n, sqrt(squares) / n};
	return n > 0;
}

double equivalence_power(double offset, double expanded_u)
{
	double u = expanded_u / COVERAGE;

	return normal_below((offset - expanded_u) / u) + normal_below((-offset - expanded_u) / u);
}

static double offset_found(double expanded_u)
{
	double lo = 0.0, hi = BEYOND_FOUR * expanded_u;

	for (unsigned i = 0; i < 60; i++) {
		double middle = 0.5 * (lo + hi);
		if (equivalence_power(middle, expanded_u) < WANTED)
			lo = middle;
		else
			hi = middle;
	}
	return hi;
}

/* What benches have in common over their pens adds nothing to the scatter, so this bound is rather too wide. */
static double scatter_explained(unsigned pens, double expanded_u)
{
	return expanded_u / COVERAGE * sqrt(chi2_at(EQUIVALENCE_SCATTER, pens - 1) / (pens - 1));
}

void equivalence_of(const struct equivalence_value *x, unsigned pens, unsigned benches, unsigned bench, int reference,
		    struct equivalence *ret)
{
	struct moments d = {.n = 0}, own = {.n = 0}, others = {.n = 0};

	for (unsigned p = 0; p < pens; p++) {
		const struct equivalence_value *row = x + p * benches;
		struct equivalence_value ref;
		if (!isfinite(row[bench].value) || !assigned(row, benches, bench, reference, &ref))
			continue;
		moments_add(&d, row[bench].value - ref.value);
		moments_add(&own, row[bench].expanded_u);
		moments_add(&others, ref.expanded_u);
	}
	double u = hypot(own.mean, others.mean);
	*ret = (struct equivalence){.pens = (unsigned)d.n,
				    .difference = d.n ? d.mean : NAN,
				    .u = d.n ? own.mean : NAN,
				    .u_ref = d.n ? others.mean : NAN,
				    .scatter = d.n > 1 ? moments_sd(&d) : NAN,
				    .scatter_max = d.n > 1 && u > 0.0 ? scatter_explained((unsigned)d.n, u) : NAN,
				    .en = d.n && u > 0.0 ? d.mean / u : NAN,
				    .found_offset = d.n && u > 0.0 ? offset_found(u) : NAN};
}
