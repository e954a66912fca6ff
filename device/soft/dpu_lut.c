/* SPDX-License-Identifier: MIT */
/*
 * A value inside a table's range is interpolated between two entries; one outside continues the
 * end of the table with a slope. Which table is asked follows NVDLA, from which the unit descends:
 * the one that is hit; if both or none are, priorities decide (hardware reference 6.5).
 */
#include "device/soft/dpu_lut.h"

#include "device/soft/complaint.h"
#include "device/soft/dpu_arithmetic.h"

#define LAST_ENTRY (SOFT_LUT_ENTRIES - 1)
/* More would shift a 32-bit value out entirely. */
#define MAX_INDEX_SHIFT 31u

static int16_t *find_entry(struct soft_lut *lut)
{
	uint32_t address = field_get(DPU_LUT_ADDR, lut->access);
	unsigned table = field_get(DPU_LUT_TABLE_ID, lut->access);

	return address < SOFT_LUT_ENTRIES ? &lut->tables[table][address] : NULL;
}

static void count_up(struct soft_lut *lut)
{
	uint32_t next = field_get(DPU_LUT_ADDR, lut->access) + 1;

	lut->access = (lut->access & ~DPU_LUT_ADDR) | field_put(DPU_LUT_ADDR, next);
}

void soft_lut_access_write(struct soft_lut *lut, uint32_t offset, uint32_t value)
{
	int16_t *entry = find_entry(lut);

	if (offset == REG_DPU_LUT_ACCESS_CFG) {
		lut->access = value & (DPU_LUT_ACCESS_WRITE | DPU_LUT_TABLE_ID | DPU_LUT_ADDR);
		return;
	}
	if (!(lut->access & DPU_LUT_ACCESS_WRITE))
		return;
	if (entry)
		*entry = (int16_t)value;
	count_up(lut);
}

uint32_t soft_lut_access_read(struct soft_lut *lut, uint32_t offset)
{
	const int16_t *entry = find_entry(lut);

	if (offset == REG_DPU_LUT_ACCESS_CFG)
		return lut->access;
	if (lut->access & DPU_LUT_ACCESS_WRITE)
		return 0;
	count_up(lut);
	return entry ? (uint16_t)*entry : 0;
}

static const struct soft_rule lut_rules[] = {
	{REG_DPU_LUT_CFG, DPU_LUT_EXPAND_EN | DPU_LUT_CAL_SEL | DPU_LUT_ROAD_SEL, 0,
	 "joined tables are not modelled"},
	{REG_DPU_LUT_CFG, DPU_LUT_LO_LE_MUX, DPU_LUT_LO_LE_MUX_USUAL,
	 "only table routing 2 is modelled"},
};

static struct soft_lut_range read_range(const struct soft_group *group, uint32_t start_register,
					uint32_t slope_register)
{
	uint32_t scale = soft_group_get(group, slope_register);
	uint32_t shift = soft_group_get(group, slope_register + 4);

	return (struct soft_lut_range){
		.start = (int32_t)soft_group_get(group, start_register),
		.end = (int32_t)soft_group_get(group, start_register + 4),
		.underflow_scale = (int16_t)field_get(DPU_LUT_UFLOW_SCALE, scale),
		.overflow_scale = (int16_t)field_get(DPU_LUT_OFLOW_SCALE, scale),
		.underflow_shift = field_get(DPU_LUT_UFLOW_SHIFT, shift),
		.overflow_shift = field_get(DPU_LUT_OFLOW_SHIFT, shift),
	};
}

static bool fits_table(const struct soft_lut_range *range)
{
	return range->index_shift <= MAX_INDEX_SHIFT &&
	       (range->end - range->start) >> range->index_shift <= LAST_ENTRY;
}

int soft_lut_configure(const struct soft_group *group, struct soft_complaint *complaint,
		       struct soft_lut_config *ret_config)
{
	uint32_t cfg = soft_group_get(group, REG_DPU_LUT_CFG);
	uint32_t info = soft_group_get(group, REG_DPU_LUT_INFO);
	struct soft_lut_config config = {
		.ranges = {read_range(group, REG_DPU_LUT_LE_START, REG_DPU_LUT_LE_SLOPE_SCALE),
			   read_range(group, REG_DPU_LUT_LO_START, REG_DPU_LUT_LO_SLOPE_SCALE)},
		.hybrid = field_get(DPU_LUT_HYBRID_PRIORITY, cfg),
		.underflow = field_get(DPU_LUT_UFLOW_PRIORITY, cfg),
		.overflow = field_get(DPU_LUT_OFLOW_PRIORITY, cfg),
	};
	int r;

	r = soft_rules_check(group, lut_rules, sizeof(lut_rules) / sizeof(*lut_rules), complaint);
	if (r < 0)
		return r;
	config.ranges[0].index_shift = field_get(DPU_LUT_LE_INDEX_SELECT, info);
	config.ranges[1].index_shift = field_get(DPU_LUT_LO_INDEX_SELECT, info);
	if (!fits_table(&config.ranges[0]) || !fits_table(&config.ranges[1]))
		return soft_complain(complaint, REG_DPU_LUT_INFO, info,
				     "the tables do not cover their ranges");
	*ret_config = config;
	return 0;
}

static unsigned choose_table(const struct soft_lut_config *config, int64_t value)
{
	bool is_below[2], is_above[2], is_hit[2];

	for (unsigned i = 0; i < 2; i++) {
		is_below[i] = value < config->ranges[i].start;
		is_above[i] = !is_below[i] && value >= config->ranges[i].end;
		is_hit[i] = !is_below[i] && !is_above[i];
	}
	if (is_hit[0] != is_hit[1])
		return is_hit[1];
	if (is_below[0] && is_below[1])
		return config->underflow;
	if (is_above[0] && is_above[1])
		return config->overflow;
	return config->hybrid;
}

static int64_t interpolate(const int16_t *table, const struct soft_lut_range *range, int64_t value)
{
	int64_t distance = value - range->start;
	int64_t index = distance >> range->index_shift;
	int64_t rest = distance - (index << range->index_shift);
	int64_t step = table[index + 1] - table[index];

	return table[index] + soft_shift_round(step * rest, range->index_shift, false);
}

int32_t soft_lut_look_up(const struct soft_lut *lut, const struct soft_lut_config *config,
			 int32_t value)
{
	unsigned chosen = choose_table(config, value);
	const struct soft_lut_range *range = &config->ranges[chosen];
	const int16_t *table = lut->tables[chosen];

	if (value < range->start)
		return soft_saturate_int32(
			table[0] + soft_shift_round((value - range->start) * range->underflow_scale,
						    range->underflow_shift, false));
	if (value >= range->end)
		return soft_saturate_int32(
			table[LAST_ENTRY] +
			soft_shift_round((value - range->end) * range->overflow_scale,
					 range->overflow_shift, false));
	return (int32_t)interpolate(table, range, value);
}
