package manifest

import "reconciler/schema"

// nodePool is where trees are made: most of what the check of a file would allocate.
type nodePool struct {
	// reuse says that nobody uses a document's tree when the next one is made, which
	// takes its place.
	reuse bool
	// free and used are nodes and how many of them the trees have, pointers and given
	// the same of the slices of children.
	free      []node
	used      int
	slots     []*node
	usedSlots int
}

// minBatch is how many nodes are made at once, at least.
const minBatch = 64

// next begins with the next document.
func (s *nodePool) next() {
	if s.reuse {
		s.used, s.usedSlots = 0, 0
	}
	if len(s.free) > maxDocumentValues {
		*s = nodePool{reuse: s.reuse} // One hostile document does not cost memory to the end.
	}
}

func (s *nodePool) node() *node {
	if s.used == len(s.free) {
		// Those that are in use stay where they are.
		s.free, s.used = make([]node, max(minBatch, 2*len(s.free))), 0
	}
	n := &s.free[s.used]
	s.used++
	*n = node{}
	return n
}

// children is an empty slice with room for so many.
func (s *nodePool) children(most int) []*node {
	if most > len(s.slots)-s.usedSlots {
		s.slots, s.usedSlots = make([]*node, max(minBatch, 2*len(s.slots), most)), 0
	}
	s.usedSlots += most
	return s.slots[s.usedSlots-most : s.usedSlots-most : s.usedSlots]
}

// mapPool are the maps of documents as plain data. Documents of one definition
// need the same ones again.
type mapPool struct {
	free map[*schema.Field][]map[string]any
	used []usedMap
}

// usedMap is a map in use, of what the schema says about a field.
type usedMap struct {
	of     *schema.Field
	fields map[string]any
}

// of gives an empty map for a struct.
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

// release takes all maps back: nobody uses them now.
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
