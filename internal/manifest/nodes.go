package manifest

import "reconciler/schema"

// nodePool allocates the nodes of trees: most of what the check of a file would
// allocate.
type nodePool struct {
	// reuse is true if nobody uses a document's tree any longer when the next one
	// is made, so that the next one can take its memory.
	reuse bool
	// free are nodes, and used is how many of them the trees have. pointers and
	// given are the same for the slices of children.
	free      []node
	used      int
	slots     []*node
	usedSlots int
}

// minBatch is the smallest number of nodes that are allocated together.
const minBatch = 64

// next prepares for the next document.
func (s *nodePool) next() {
	if s.reuse {
		s.used, s.usedSlots = 0, 0
	}
	if len(s.free) > maxDocumentValues {
		*s = nodePool{reuse: s.reuse} // The memory of one hostile document is not kept.
	}
}

func (s *nodePool) node() *node {
	if s.used == len(s.free) {
		// Nodes that are in use must not move.
		s.free, s.used = make([]node, max(minBatch, 2*len(s.free))), 0
	}
	n := &s.free[s.used]
	s.used++
	*n = node{}
	return n
}

// children returns an empty slice with room for that many.
func (s *nodePool) children(most int) []*node {
	if most > len(s.slots)-s.usedSlots {
		s.slots, s.usedSlots = make([]*node, max(minBatch, 2*len(s.slots), most)), 0
	}
	s.usedSlots += most
	return s.slots[s.usedSlots-most : s.usedSlots-most : s.usedSlots]
}

// mapPool reuses the maps of documents as plain data: documents of one definition
// need the same maps again.
type mapPool struct {
	free map[*schema.Field][]map[string]any
	used []usedMap
}

// usedMap is a map in use, with the field of the schema that it is for.
type usedMap struct {
	of     *schema.Field
	fields map[string]any
}

// of returns an empty map for a struct.
func (p *mapPool) of(f *schema.Field) map[string]any {
	var m map[string]any
	if free := p.free[f]; len(free) > 0 {
		m, p.free[f] = free[len(free)-1], free[:len(free)-1]
	} else {
		m = make(map[string]any, len(f.Fields))
	}
	p.used = append(p.used, usedMap{f, m})
	return m
}

// release takes all maps back. Nobody may use them afterwards.
func (p *mapPool) release() {
	if p.free == nil {
		p.free = map[*schema.Field][]map[string]any{}
	}
	for _, g := range p.used {
		clear(g.fields)
		p.free[g.of] = append(p.free[g.of], g.fields)
	}
	p.used = p.used[:0]
}
