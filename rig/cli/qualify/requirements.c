/* What is required of the installed program, where that is stated, and which check shows it: the trace. And what is known not to
 * be shown. docs/qualification.md prints this table. */
#include "rig/cli/qualify/qualify.h"

#define METHOD "docs/method.md, "

const struct requirement requirements_iq[] = {
	{"IQ-01", "The programs are the ones that were installed", "ISO 13485, 4.1.6",
	 "each file against its package's MD5, else against the list of the installation", qualify_programs, NULL},
	{"IQ-02", "Every library that the program loads is the one that its package installed",
	 "ISO 13485, 4.1.6; docs/building.md", "each file that is loaded against its package's MD5", qualify_libraries,
	 NULL},
	{"IQ-03", "Plans, profiles, phantoms, schemas and reference data are the ones that were installed",
	 "ISO 13485, 4.1.6", "each file against its package's MD5, else against the list of the installation",
	 qualify_data, NULL},
	{"IQ-04", "Nothing changed since an earlier qualification, where one is named", "ISO 13485, 7.6: revalidation",
	 "each file's SHA-256 against the earlier record, whose signature is verified (--against)", qualify_against,
	 NULL},
	{"IQ-05", "This processor and system compute as the formulas assume", "IEEE 754-2019; " METHOD "Versions",
	 "sums, quotients and roots whose last bit is known", qualify_arithmetic, NULL},
	{.id = NULL},
};

static const struct bench_trial good = {"good", "ci-smoke", "PEN-GOOD-01", NULL, 1, EXIT_PASS, "pass", true};
static const struct bench_trial deep = {"deep", "ci-smoke", "PEN-DEEP-01", NULL, 1, EXIT_FAIL, "fail", true};
static const struct bench_trial slow = {"slow", "ci-smoke", "PEN-SLOW-01", NULL, 1, EXIT_FAIL, "fail", true};
static const struct bench_trial stall = {"stall", "ci-smoke", "PEN-GOOD-01", "stall@3", 1, EXIT_FAIL, "fail", false};
static const struct bench_trial dead_man = {"dead-man", "demo",    "PEN-GOOD-01", "dead-man-dead@0",
					    1,          EXIT_FAIL, "fail",        false};
static const struct bench_trial stuck = {"stuck", "ci-smoke",        "PEN-GOOD-01",  "stuck@3",
					 1,       EXIT_INCONCLUSIVE, "inconclusive", false};
static const struct bench_trial saturated = {"saturated", "ci-smoke",        "PEN-GOOD-01",  "saturated@3",
					     1,           EXIT_INCONCLUSIVE, "inconclusive", false};
static const struct bench_trial sensor_gone = {"sensor-gone",    "ci-smoke",     "PEN-GOOD-01", "unplug:sensor@2", 1,
					       EXIT_DEVICE_LOST, "inconclusive", false};
static const struct bench_trial pen_gone = {"pen-gone", "ci-smoke",       "PEN-GOOD-01",  "unplug:pen@2",
					    1,          EXIT_DEVICE_LOST, "inconclusive", false};
static const struct bench_trial killed = {"killed", "ci-smoke", "PEN-GOOD-01", NULL, 1, 137, NULL, false};
static const struct bench_trial second = {"second", "ci-smoke", "PEN-GOOD-02", NULL, 2, EXIT_PASS, "pass", true};
static const struct bench_trial third = {"third", "ci-smoke", "PEN-GOOD-03", NULL, 3, EXIT_PASS, "pass", true};
static const struct bench_trial shallow = {"shallow", "ci-smoke", "PEN-SHALLOW-01", NULL, 1, EXIT_FAIL, "fail", true};

#define BENCH     "a run on the virtual bench"
#define TRUE_FILE "; every depth and rate against what the needles did"

const struct requirement requirements_oq[] = {
	/* formulas */
	{"OQ-01", "Coverage factors are Student's", "JCGM 100:2008, table G.2; " METHOD "Uncertainty and decision",
	 "published figures", qualify_student, NULL},
	{"OQ-02", "Tolerance factors are those of the normal distribution", "ISO 16269-6:2014, annex F",
	 "published figures", qualify_tolerance_factors, NULL},
	{"OQ-03", "Uncertainties combine, correlated or not, with their degrees of freedom",
	 "JCGM 100:2008, 5.2.2 and H.1", "published examples", qualify_budget, NULL},
	{"OQ-04", "A result within its guard band is neither pass nor fail, and the stated risk is the one of JCGM 106",
	 "ILAC-G8:09/2019; JCGM 106:2012, 8.3 and 9.3", "published cases", qualify_decision, NULL},
	{"OQ-05", "Risks of a production and acceptance limits", "JCGM 106:2012, 9.5.4", "published example",
	 qualify_risk, NULL},
	{"OQ-06", "Means and deviations keep their digits", "NIST StRD, NumAcc1, 2, 3, 4", "certified values",
	 qualify_moments, NULL},
	{"OQ-07", "Analysis of variance", "NIST StRD, SiRstv", "certified values", qualify_anova, NULL},
	{"OQ-08", "Control charts", "ASTM E2587, table 1; NIST/SEMATECH e-Handbook 6.3.2.2", "published figures",
	 qualify_charts, NULL},
	{"OQ-09", "Process capability", "NIST/SEMATECH e-Handbook 6.1.6; Owen's factors", "published figures",
	 qualify_capability, NULL},
	{"OQ-10", "Gauge repeatability and reproducibility", "AIAG MSA, 4th edition, chapter III",
	 "published example, both methods", qualify_grr, NULL},
	{"OQ-11", "Digests that records and devices rest on", "FIPS 180; RFC 3720, B.4", "published vectors",
	 qualify_digests, NULL},
	{"OQ-12", "Signatures of others are verified, and altered texts refused", "docs/records.md; minisign's format",
	 "a signature that minisign made", qualify_signatures, NULL},
	/* recordings */
	{"OQ-13", "A recording of a pen in order gives the kept values and the kept verdict",
	 "docs/run-file.md; " METHOD "Versions", "derived again from its samples, and compared", qualify_reference,
	 "pass-20-khz"},
	{"OQ-14", "A recording of a pen that is too slow gives them", "docs/run-file.md; " METHOD "Versions",
	 "derived again from its samples, and compared", qualify_reference, "fail-slow"},
	{"OQ-15", "A recording with a sensor's alarm gives them", "docs/run-file.md; " METHOD "Versions",
	 "derived again from its samples, and compared", qualify_reference, "inconclusive-alarm"},
	{"OQ-16", "An altered record is found", "docs/records.md, Verifying; 21 CFR 11.10(c)",
	 "single bits of a copy altered", qualify_altered, "fail-slow"},
	{"OQ-17", "A plan that is wrong is refused before anything moves", "docs/files.md, Plan",
	 "plans, each with one mistake", qualify_refusals, NULL},
	/* the whole of it */
	{"OQ-21", "A pen in order passes, and depth and rate are within U of the truth", "docs/exit-codes.md, 0",
	 BENCH TRUE_FILE, qualify_bench, &good},
	{"OQ-22", "A pen that goes too deep fails", "docs/exit-codes.md, 1", BENCH TRUE_FILE, qualify_bench, &deep},
	{"OQ-23", "A pen that is too slow fails, whatever it says of itself", "docs/exit-codes.md, 1", BENCH TRUE_FILE,
	 qualify_bench, &slow},
	{"OQ-24", "A pen whose motor jams fails", "docs/exit-codes.md, 1", BENCH, qualify_bench, &stall},
	{"OQ-25", "A pen whose dead-man does not trip fails", "docs/safety.md", BENCH, qualify_bench, &dead_man},
	{"OQ-26", "A sensor that repeats one value gives no verdict", "docs/exit-codes.md, 3", BENCH, qualify_bench,
	 &stuck},
	{"OQ-27", "A sensor at the end of its range gives no verdict", "docs/exit-codes.md, 3", BENCH, qualify_bench,
	 &saturated},
	{"OQ-28", "A sensor that is unplugged ends the run, and the pen stands still",
	 "docs/exit-codes.md, 4; docs/safety.md", BENCH, qualify_bench, &sensor_gone},
	{"OQ-29", "A pen that is unplugged ends the run, and stands still", "docs/exit-codes.md, 4; docs/safety.md",
	 BENCH, qualify_bench, &pen_gone},
	{"OQ-30", "A pen is stopped where penrig is killed", "docs/safety.md, The stopper",
	 "a run on the virtual bench that is killed", qualify_killed, &killed},
	{.id = NULL},
};

const struct requirement requirements_pq_pen[] = {
	{"PQ-01", "The runs of the reference pen are as they were written", "docs/records.md", "penrig verify",
	 qualify_pen_sound, NULL},
	{"PQ-02", "They were made by this program, under its supervision", "ISO 13485, 7.6",
	 "version, build and method in each run file", qualify_pen_program, NULL},
	{"PQ-03", "The reference pen passed, stood still in the end, and nothing was overridden",
	 "docs/history.md, The reference pen", "each run file", qualify_pen_verdict, NULL},
	{"PQ-04", "Their results come out again", "docs/run-file.md", "penrig analyze", qualify_pen_again, NULL},
	{"PQ-05", "They are of one bench, of its reference pen, by the plan that it names for it",
	 "docs/files.md, Bench", "each run file against the bench file", qualify_pen_bench, NULL},
	{"PQ-06", "The pen's pass is valid, its newest run is among them, and none since the first of them was no pass",
	 "docs/history.md, The reference pen", "the bench's history", qualify_pen_history, NULL},
	{.id = NULL},
};

const struct requirement requirements_pq_virtual[] = {
	{"PQ-11", "A pen in order passes, and depth and rate are within U of the truth", "docs/virtual-bench.md",
	 BENCH TRUE_FILE, qualify_bench, &good},
	{"PQ-12", "So does another one", "docs/virtual-bench.md", BENCH TRUE_FILE, qualify_bench, &second},
	{"PQ-13", "And a third", "docs/virtual-bench.md", BENCH TRUE_FILE, qualify_bench, &third},
	{"PQ-14", "A pen that does not reach its depth fails", "docs/virtual-bench.md", BENCH TRUE_FILE, qualify_bench,
	 &shallow},
	{.id = NULL},
};

const struct anomaly known_anomalies[] = {
	{"A-01",
	 "Where only the force tells, needles that creep through the air more slowly than one stroke in ten seconds "
	 "are not seen.",
	 "A stop may be called proven while the motor creeps.",
	 "Use a bench with a displacement channel (docs/architecture.md, The guard)."},
	{"A-02", "Another class of processor or C library rounds mathematical functions otherwise in the last bit.",
	 "Old runs then differ by less than 1e-7 of a value; no verdict does.",
	 "penrig analyze says so; requalify before a move."},
	{"A-03", "64 bits of SQLite's own header of a run file are not looked at.",
	 "None: they say nothing of the run.", "None is needed."},
	{"A-04",
	 "Reports for other systems (jsonl, dfq, wsjf, atml, openhtf, dcc) were not read by a program of those who "
	 "define "
	 "them.",
	 "A receiver may read them otherwise.", "Qualify the receiver with a known run (docs/report.md)."},
	{"A-05",
	 "Programs that penrig starts (chromium, weasyprint, hooks) are not looked at, nor is a library on demand "
	 "(HDF5, "
	 "libpq) that is not installed.",
	 "A changed one is not found by IQ-02.", "Let dpkg --verify hold them too."},
	{"A-06", "A PDF has the time of its making in it.", "penrig verify does not hold it against its run.",
	 "Sign it, or keep the page."},
	{"A-07", "A seal does not show that an older sealed state of a file was put back with all its companions.",
	 "A later verdict may be gone.", "Anchor each day's runs (docs/records.md)."},
	{"A-08", "A distortion that all strokes share, and that the model checks do not see, is in every result alike.",
	 "Depth is biased beyond its U.",
	 "docs/method.md, Limits, measured, says by how much; use displacement beside force where it matters."},
	{"A-09", "The virtual bench runs in real time: a computer that is held up measures nothing.",
	 "A requirement of the OQ may come out as not shown.", "Run it again on a computer that is not busy."},
	{.id = NULL},
};
