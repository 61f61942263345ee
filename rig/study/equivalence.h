/* The same pens round several benches: by how much each bench differs from the others, in units of what both are uncertain by.
 * E_n = d / sqrt(U^2 + U_ref^2) [ISO 13528; ISO/IEC 17043]: |E_n| above 1 is a difference that the stated uncertainties do not
 * explain. A mean over pens hides differences of both signs (pens that were mixed up, a bench that is off by depth): the scatter
 * of the pens is held against the same uncertainties, by chi-square. Pure. */
#ifndef PENRIG_STUDY_EQUIVALENCE_H
#define PENRIG_STUDY_EQUIVALENCE_H

#define EQUIVALENCE_BENCHES_MAX 16
#define EQUIVALENCE_SCATTER                                                                                            \
	0.99 /* chance that pens that a bench measures alike scatter by less, if all of U were their own */

/* One pen on one bench: mean of its runs, and the expanded uncertainty (k = 2) that it was stated with. NaN: it was not there. */
struct equivalence_value {
	double value, expanded_u;
};

struct equivalence {
	unsigned pens;     /* that this bench and its reference both measured */
	double difference; /* mean over these pens, of this bench less its reference; NaN: there are none */
	double u, u_ref;   /* expanded, means over these pens: what a bench is uncertain by, its pens share */
	double scatter;    /* standard deviation of the differences from pen to pen; NaN: one pen */
	double scatter_max; /* what both uncertainties explain of it, at EQUIVALENCE_SCATTER; NaN: one pen, or nothing is uncertain */
	double en;           /* NaN: nothing is stated to be uncertain */
	double found_offset; /* an offset that is flagged with 80 % */
};

/* x[pen * benches + bench]. The reference of a bench is bench `reference`, or where that is negative the mean of the others that
 * measured the pen; of the reference itself *ret has no pens. */
void equivalence_of(const struct equivalence_value *x, unsigned pens, unsigned benches, unsigned bench, int reference,
		    struct equivalence *ret);
/* The chance that a bench that is `offset` off is flagged, where the difference has this expanded uncertainty (k = 2). */
double equivalence_power(double offset, double expanded_u);

#endif
