import { Fragment } from 'react'
import { visible } from '../lib/visible'

/** Name shows what somebody chose to call something: whatever is in it, it looks like what it is, and its neighbours stay where they are. */
export const Name = ({ of }: { of: string }) => <bdi>{visible(of)}</bdi>

/** Names shows those that there are, one behind the other. */
export function Names({ of }: { of: (string | null | undefined)[] }) {
  return of
    .filter((name) => !!name)
    .map((name, i) => (
      <Fragment key={i}>
        {i > 0 && ' · '}
        <Name of={name!} />
      </Fragment>
    ))
}
