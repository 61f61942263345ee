/* Strokes and telemetry as rows of fixed size. Leaves out how rows are gathered and squeezed. */
#include "rig/runfile/rows.h"

#include <string.h>

static void put_u64(uint8_t *at, uint64_t value)
{
	for (unsigned i = 0; i < 8; i++)
		at[i] = (uint8_t)(value >> (8 * i));
}

static uint64_t get_u64(const uint8_t *at)
{
	uint64_t value = 0;
	for (unsigned i = 0; i < 8; i++)
		value |= (uint64_t)at[i] << (8 * i);
	return value;
}

static void put_real(uint8_t *at, double value)
{
	uint64_t bits;
	memcpy(&bits, &value, sizeof(bits));
	put_u64(at, bits);
}

static double get_real(const uint8_t *at)
{
	uint64_t bits = get_u64(at);
	double value;
	memcpy(&value, &bits, sizeof(value));
	return value;
}

void stroke_to_row(const struct stroke *stroke, uint8_t ret[STROKE_BYTES])
{
	put_u64(ret, stroke->number);
	ret[8] = (uint8_t)stroke->phase;
	put_real(ret + 9, stroke->instant);
	put_real(ret + 17, stroke->height_n);
	put_real(ret + 25, stroke->depth_mm);
	put_real(ret + 33, stroke->protrusion_mm);
	put_real(ret + 41, stroke->misfit_n);
}

bool stroke_from_row(const uint8_t row[STROKE_BYTES], struct stroke *ret)
{
	*ret = (struct stroke){
		.number = get_u64(row),
		.phase = (enum point_phase)row[8],
		.instant = get_real(row + 9),
		.height_n = get_real(row + 17),
		.depth_mm = get_real(row + 25),
		.protrusion_mm = get_real(row + 33),
		.misfit_n = get_real(row + 41),
	};
	return ret->phase < POINT_PHASES;
}

void telemetry_to_row(const struct pen_telemetry *telemetry, uint8_t ret[TELEMETRY_BYTES])
{
	put_u64(ret, telemetry->host_ns);
	put_real(ret + 8, telemetry->rate_hz);
	put_real(ret + 16, telemetry->motor_c);
	put_real(ret + 24, telemetry->handle_c);
	put_real(ret + 32, telemetry->battery_v);
	put_real(ret + 40, telemetry->current_a);
	for (unsigned i = 0; i < 4; i++)
		ret[48 + i] = (uint8_t)(telemetry->condition >> (8 * i));
	ret[52] = telemetry->running;
}

void telemetry_from_row(const uint8_t row[TELEMETRY_BYTES], struct pen_telemetry *ret)
{
	*ret = (struct pen_telemetry){
		.host_ns = get_u64(row),
		.rate_hz = get_real(row + 8),
		.motor_c = get_real(row + 16),
		.handle_c = get_real(row + 24),
		.battery_v = get_real(row + 32),
		.current_a = get_real(row + 40),
		.condition = row[48] | (uint32_t)row[49] << 8 | (uint32_t)row[50] << 16 | (uint32_t)row[51] << 24,
		.running = row[52] != 0,
	};
}
