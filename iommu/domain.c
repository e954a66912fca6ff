/* SPDX-License-Identifier: MIT */
/*
 * Address and translation come and go together: a range is given back only after the page tables
 * and every TLB have forgotten it, so the next owner of an address never meets the last one's data.
 */
#include "iommu/domain.h"

#include "iommu/rk_pagetable.h"

#include <assert.h>
#include <errno.h>

int domain_init(struct domain *domain, struct device *device)
{
	struct domain built = {.device = device};
	int r;

	r = iova_space_init(&built.space);
	if (r < 0)
		return r;
	if (device->caps.has_page_tables) {
		r = rk_pagetable_new(device, &built.table);
		if (r < 0) {
			iova_space_deinit(&built.space);
			return r;
		}
	}
	*domain = built;
	return 0;
}

int domain_place(struct domain *domain, bool may_share)
{
	unsigned device_domain;
	int r;

	if (domain->is_placed)
		return 0;
	r = device_domain_open(domain->device, &device_domain);
	if (r < 0)
		return r;
	if (!device_domain && !may_share && domain->device->caps.n_domains)
		return -EBUSY;
	domain->device_domain = device_domain;
	domain->is_placed = true;
	return 0;
}

void domain_unplace(struct domain *domain)
{
	device_domain_close(domain->device, domain->device_domain);
	domain->device_domain = 0;
	domain->is_placed = false;
}

void domain_deinit(struct domain *domain)
{
	assert(!domain->space.n_used);
	if (domain->is_placed)
		domain_unplace(domain);
	rk_pagetable_free(domain->table);
	iova_space_deinit(&domain->space);
	*domain = (struct domain){0};
}

uint64_t domain_table_pa(const struct domain *domain)
{
	return domain->table ? rk_pagetable_pa(domain->table) : 0;
}

uint64_t domain_pagetable_bytes(const struct domain *domain)
{
	return domain->table ? rk_pagetable_bytes(domain->table) : 0;
}

int domain_map(struct domain *domain, uint32_t fixed_iova, uint64_t pa, uint64_t size_bytes,
	       bool is_writable, uint32_t *ret_iova)
{
	uint32_t iova = fixed_iova;
	int r;

	if (fixed_iova)
		r = iova_alloc_fixed(&domain->space, fixed_iova, size_bytes);
	else
		r = iova_alloc(&domain->space, size_bytes, &iova);
	if (r < 0)
		return r;
	if (domain->table) {
		r = rk_pagetable_map(domain->table, iova, pa, size_bytes, is_writable);
		if (r < 0) {
			iova_release(&domain->space, iova, size_bytes);
			return r;
		}
	}
	*ret_iova = iova;
	return 0;
}

void domain_unmap(struct domain *domain, uint32_t iova, uint64_t size_bytes)
{
	if (domain->table) {
		rk_pagetable_unmap(domain->table, iova, size_bytes);
		device_zap(domain->device, domain_table_pa(domain), iova, (uint32_t)size_bytes);
		rk_pagetable_reap(domain->table);
	}
	iova_release(&domain->space, iova, size_bytes);
}
